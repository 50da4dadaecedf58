//! Credentials that take an exchange with a server: made once for all that need them, put on each request when it is
//! sent, and renewed when they end or are refused.

mod challenge;
mod login;
mod token_file;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use restload_source::auth::Exchange;
use restload_source::request::{Request, Response};

use self::challenge::{Answered, Challenges};
use self::login::{Current, LoginSlot};
use crate::fetch::{FetchError, Fetcher, Traffic};

/// The exchanges of a plan, by their places.
#[derive(Debug)]
pub(crate) struct Authenticator {
    slots: Vec<Slot>,
}

#[derive(Debug)]
enum Slot {
    Login(Arc<LoginSlot>),
    Digest(Challenges),
}

/// What a request was sent with.
#[derive(Debug)]
pub(crate) enum Proof {
    /// Nothing that an exchange has given.
    None,
    /// A session.
    Session(Arc<Current>),
    /// The answer to a challenge, if there had been one.
    Digest(Answered),
}

/// What to do about an answer, as far as credentials go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the answer.
    Taken,
    /// The credentials were refused; fresh ones may not be.
    Refused,
    /// The server has not looked at the request before it is told who sends it.
    Challenged,
    /// The credentials are right, but the challenge that they answer has ended.
    Stale,
}

impl Authenticator {
    /// `folder` is the config's; token files are relative to it.
    pub(crate) fn new(exchanges: Vec<Exchange>, folder: &Path) -> Self {
        let slots = exchanges.into_iter().map(|exchange| match exchange {
            Exchange::Login(login) => Slot::Login(Arc::new(LoginSlot::new(*login, folder))),
            Exchange::Digest(digest) => Slot::Digest(Challenges::new(digest)),
        });
        Self { slots: slots.collect() }
    }

    /// The request with the credentials that it names, which may have to be obtained first.
    pub(crate) async fn authorize<'r>(
        &self,
        fetcher: &Arc<Fetcher>,
        resource: &Arc<str>,
        request: &'r Request,
        traffic: &Traffic,
    ) -> Result<(Cow<'r, Request>, Proof), FetchError> {
        let slot = request.exchange.and_then(|place| self.slots.get(place));
        let (mut authorized, proof) = match slot {
            None => return Ok((Cow::Borrowed(request), Proof::None)),
            Some(Slot::Login(slot)) => {
                let current = slot.current(fetcher, resource, traffic).await?;
                (request.clone(), Proof::Session(current))
            }
            Some(Slot::Digest(challenges)) => {
                let mut authorized = request.clone();
                let answered = challenges.authorize(&mut authorized).await;
                let answered = answered.map_err(FetchError::failed)?;
                (authorized, Proof::Digest(answered))
            }
        };
        if let Proof::Session(current) = &proof {
            let applied = current.session.apply(&mut authorized);
            applied.map_err(|error| FetchError::failed(fetcher.redactor.redact(&error.to_string())))?;
        }
        Ok((Cow::Owned(authorized), proof))
    }

    /// Looks at an answer: whether what the request was sent with is refused. What is, is not used again.
    pub(crate) fn judge(&self, request: &Request, proof: &Proof, response: &Response) -> Verdict {
        let slot = request.exchange.and_then(|place| self.slots.get(place));
        match (slot, proof) {
            (Some(Slot::Login(slot)), Proof::Session(current)) if slot.login.is_refused(response.status) => {
                current.refuse();
                Verdict::Refused
            }
            (Some(Slot::Digest(challenges)), Proof::Digest(answered)) => challenges.judge(response, answered),
            _ => Verdict::Taken,
        }
    }

    /// Waits for logins that nobody waits for any more: a refresh token that an answer brings must be kept.
    pub(crate) async fn settle(&self) {
        for slot in &self.slots {
            if let Slot::Login(slot) = slot {
                slot.settle().await;
            }
        }
    }
}
