//! Digest authentication: the server's challenge, and the answers to it.

use std::sync::{Mutex, PoisonError};

use digest_auth::{AlgorithmType, AuthContext, HttpMethod, WwwAuthenticateHeader};
use restload_source::auth::Digest;
use restload_source::request::{Request, Response};

use super::Verdict;

/// What tells one challenge from another.
pub(crate) type Nonce = String;

/// The latest challenge of a server.
#[derive(Debug)]
pub(crate) struct Challenges {
    digest: Digest,
    latest: Mutex<Option<WwwAuthenticateHeader>>,
}

impl Challenges {
    pub(super) fn new(digest: Digest) -> Self {
        Self {
            digest,
            latest: Mutex::default(),
        }
    }

    /// Answers the latest challenge, if there is one; every answer to it has a number of its own.
    pub(super) fn answer(&self, request: &mut Request) -> Result<Option<Nonce>, String> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(challenge) = &mut *latest else { return Ok(None) };
        let target = match request.url.query() {
            Some(query) => format!("{}?{query}", request.url.path()),
            None => request.url.path().to_owned(),
        };
        let context = AuthContext::new_with_method(
            self.digest.username.as_str(),
            self.digest.password.expose(),
            target,
            request.body.as_deref(),
            HttpMethod::from(request.method.as_str()),
        );
        let answer = challenge
            .respond(&context)
            .map_err(|error| format!("the digest challenge cannot be answered: {error}"))?;
        request.set_header("authorization", &answer.to_header_string())?;
        Ok(Some(challenge.nonce.clone()))
    }

    /// Takes the challenge of a refusal. `answered` is the one that the request answered.
    pub(super) fn take(&self, response: &Response, answered: Option<&Nonce>) -> Verdict {
        let Some(challenge) = strongest(response) else {
            return Verdict::Taken;
        };
        let is_stale = challenge.stale;
        let is_new = answered != Some(&challenge.nonce);
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(challenge);
        match answered {
            None => Verdict::Challenged,
            // Not every server says that it is the challenge that has ended, and not the password that is wrong.
            Some(_) if is_stale || is_new => Verdict::Refused,
            Some(_) => Verdict::Taken,
        }
    }
}

/// The challenge with the strongest digest that an answer has.
fn strongest(response: &Response) -> Option<WwwAuthenticateHeader> {
    let headers = response.headers.get_all("www-authenticate").iter();
    let challenges = headers.filter_map(|header| {
        // The parser takes positions of characters for those of bytes, which they are in ASCII.
        let text = header.to_str().ok()?;
        let at = text.to_ascii_lowercase().find("digest ")?;
        digest_auth::parse(&text[at..]).ok()
    });
    challenges.max_by_key(|challenge| match challenge.algorithm.algo {
        AlgorithmType::MD5 => 0,
        AlgorithmType::SHA2_256 => 1,
        AlgorithmType::SHA2_512_256 => 2,
    })
}
