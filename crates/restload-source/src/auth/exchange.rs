//! The exchanges of a plan: each set of credentials that takes one, once, however many resources share it.

use http::HeaderMap;
use minijinja::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::secret::Secret;
use url::Url;

use super::http_digest::Digest;
use super::login::Login;
use super::{Auth, ExchangePlan, Identity};
use crate::plan::warn_of_plain_http;
use crate::template::Context;

/// Credentials that take an exchange with a server. The engine makes it.
#[derive(Debug)]
pub enum Exchange {
    /// A request whose answer holds what is placed on the others.
    Login(Box<Login>),
    /// Answers to the server's challenges.
    Digest(Digest),
}

/// What placeholders and paths of an exchange are filled in from.
pub struct Binding<'b> {
    /// The client's address.
    pub base_url: &'b str,
    /// What placeholders refer to.
    pub context: &'b Context,
    /// The same, as expressions take it.
    pub values: &'b Value,
    /// The client's headers.
    pub client_headers: &'b HeaderMap,
    /// Whether answers come from a recording.
    pub is_replayed: bool,
    /// Whether the client's headers may go to an address.
    pub trusts: &'b dyn Fn(&Url) -> bool,
}

impl Binding<'_> {
    pub(super) fn warn_of_plain_http(&self, url: &Url, path: &KeyPath, diagnostics: &mut Diagnostics) {
        // The client's own address is warned of already.
        if !(self.trusts)(url) {
            warn_of_plain_http(url.as_str(), true, path, diagnostics);
        }
    }
}

/// The exchanges found so far. Equal credentials share one, wherever the config has them.
#[derive(Debug, Default)]
pub struct Exchanges {
    /// A mistake in one is told once.
    known: Vec<(Identity, Option<usize>)>,
    bound: Vec<Exchange>,
}

impl Exchanges {
    /// The place of the exchange that credentials take, if they do.
    pub fn place_of(
        &mut self,
        auth: &Auth,
        binding: &Binding<'_>,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> Option<usize> {
        let Auth::Exchange(identity, plan) = auth else {
            return None;
        };
        if let Some((_, place)) = self.known.iter().find(|(known, _)| known == identity) {
            return *place;
        }
        let bound = match plan {
            ExchangePlan::Login(login) => login
                .bind(binding, path, diagnostics)
                .map(|login| Exchange::Login(Box::new(login))),
            ExchangePlan::Digest(digest) => match digest.bind(binding.values) {
                Ok(digest) => Some(Exchange::Digest(digest)),
                Err(error) => {
                    diagnostics.error(path, error);
                    None
                }
            },
        };
        let place = bound.map(|exchange| {
            self.bound.push(exchange);
            self.bound.len() - 1
        });
        self.known.push((identity.clone(), place));
        place
    }

    /// The exchanges, in the order of their places.
    pub fn into_vec(self) -> Vec<Exchange> {
        self.bound
    }

    /// The values that must never be shown.
    pub fn secrets(&self) -> Vec<Secret> {
        let secrets = self.bound.iter().map(|exchange| match exchange {
            Exchange::Login(login) => login.secrets().to_vec(),
            Exchange::Digest(digest) => vec![digest.password.clone()],
        });
        secrets.flatten().collect()
    }
}

impl Exchange {
    /// How the credentials are obtained, in words that follow "by".
    pub fn describe(&self) -> String {
        match self {
            Self::Login(login) => login.describe(),
            Self::Digest(_) => "an answer to the server's challenge".to_owned(),
        }
    }
}

/// Why there are no credentials to send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LoginError {
    message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl LoginError {
    /// An error with its message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
        }
    }

    /// With what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
