//! Digest authentication: the server's challenge, and the answers to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use digest_auth::{AlgorithmType, AuthContext, HttpMethod, WwwAuthenticateHeader};
use restload_source::auth::Digest;
use restload_source::request::{Request, Response};
use tokio::sync::OwnedMutexGuard;

use super::Verdict;

/// What tells one challenge from another.
pub(crate) type Nonce = String;

/// The latest challenge of a server.
#[derive(Debug)]
pub(crate) struct Challenges {
    digest: Digest,
    latest: Mutex<Option<WwwAuthenticateHeader>>,
    /// Whether the server has answered anything: then there is a challenge, or it wants none.
    has_answered: AtomicBool,
    /// Held by the request that is sent before the server has answered anything.
    first: Arc<tokio::sync::Mutex<()>>,
}

/// What a request was sent with.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The challenge that it answers, if there had been one.
    nonce: Option<Nonce>,
    /// The others wait as long as this is held.
    _first: Option<OwnedMutexGuard<()>>,
}

impl Challenges {
    pub(super) fn new(digest: Digest) -> Self {
        Self {
            digest,
            latest: Mutex::default(),
            has_answered: AtomicBool::new(false),
            first: Arc::default(),
        }
    }

    /// Puts an answer on the request. The first request goes alone: a server may know only the latest challenge that it
    /// gave, and of requests sent together each would make the challenges of the others worthless.
    pub(super) async fn authorize(&self, request: &mut Request) -> Result<Answered, String> {
        let mut first = None;
        if !self.has_answered.load(Ordering::Acquire) {
            let guard = Arc::clone(&self.first).lock_owned().await;
            first = (!self.has_answered.load(Ordering::Acquire)).then_some(guard);
        }
        Ok(Answered {
            nonce: self.answer(request)?,
            _first: first,
        })
    }

    /// Answers the latest challenge, if there is one; every answer to it has a number of its own.
    fn answer(&self, request: &mut Request) -> Result<Option<Nonce>, String> {
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

    /// Looks at an answer, and takes the challenge of one that refuses.
    pub(super) fn judge(&self, response: &Response, answered: &Answered) -> Verdict {
        let verdict = match response.status {
            401 => self.take(response, answered.nonce.as_ref()),
            _ => Verdict::Taken,
        };
        self.has_answered.store(true, Ordering::Release);
        verdict
    }

    /// Takes the challenge of a refusal. `answered` is the one that the request answered.
    fn take(&self, response: &Response, answered: Option<&Nonce>) -> Verdict {
        let Some(mut challenge) = strongest(response) else {
            return Verdict::Taken;
        };
        let is_stale = challenge.stale;
        let is_new = answered != Some(&challenge.nonce);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        // A server may give one challenge to all who ask; an answer with a number that it has seen is a replay to it.
        if let Some(held) = latest.as_ref().filter(|held| held.nonce == challenge.nonce) {
            challenge.nc = held.nc;
        }
        *latest = Some(challenge);
        match answered {
            None => Verdict::Challenged,
            Some(_) if is_stale => Verdict::Stale,
            // Not every server says that it is the challenge that has ended, and not the password that is wrong.
            Some(_) if is_new => Verdict::Refused,
            Some(_) => Verdict::Taken,
        }
    }
}

/// What a digest challenge begins with, in small letters.
const SCHEME: &str = "digest ";

/// The challenge with the strongest digest that an answer has.
fn strongest(response: &Response) -> Option<WwwAuthenticateHeader> {
    let headers = response.headers.get_all("www-authenticate").iter();
    let challenges = headers.filter_map(|header| {
        // The parser takes positions of characters for those of bytes, which they are in ASCII.
        let text = header.to_str().ok()?;
        let at = text.to_ascii_lowercase().find(SCHEME)? + SCHEME.len();
        digest_auth::parse(&text[at..]).ok()
    });
    challenges.max_by_key(|challenge| match challenge.algorithm.algo {
        AlgorithmType::MD5 => 0,
        AlgorithmType::SHA2_256 => 1,
        AlgorithmType::SHA2_512_256 => 2,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use restload_model::secret::Secret;
    use ring::digest::{SHA256, digest};

    use super::*;

    fn challenges() -> Challenges {
        Challenges::new(Digest {
            username: "ada \"a\"".to_owned(),
            password: Secret::new("s3cr3t"),
        })
    }

    fn refusal(challenges: &[&str]) -> Response {
        let mut headers = reqwest::header::HeaderMap::new();
        for challenge in challenges {
            headers.append("www-authenticate", challenge.parse().unwrap());
        }
        Response {
            url: url::Url::parse("https://camera.test/items").unwrap(),
            status: 401,
            headers,
            body: Vec::new(),
        }
    }

    /// The fields of the answer to the latest challenge.
    fn answer(challenges: &Challenges) -> BTreeMap<String, String> {
        let mut request = Request {
            method: reqwest::Method::GET,
            url: url::Url::parse("https://camera.test/a%20b/items?page=2&q=%22x%22").unwrap(),
            headers: reqwest::header::HeaderMap::new(),
            body: None,
            exchange: Some(0),
        };
        challenges.answer(&mut request).unwrap().unwrap();
        let text = request.headers["authorization"].to_str().unwrap();
        let fields = text.strip_prefix("Digest ").unwrap().split(", ");
        let fields = fields.map(|field| field.split_once('=').unwrap());
        fields
            .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
            .collect()
    }

    fn hash(text: &str) -> String {
        let bytes = digest(&SHA256, text.as_bytes());
        bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    const SHA: &str = r#"Digest realm="cam", qop="auth,auth-int", algorithm=SHA-256, nonce="one", opaque="o""#;

    /// RFC 7616, section 3.4.1, computed anew.
    #[test]
    fn answers_are_right_and_counted() {
        let challenges = challenges();
        assert_eq!(challenges.take(&refusal(&[SHA]), None), Verdict::Challenged);
        for count in ["00000001", "00000002"] {
            let fields = answer(&challenges);
            assert_eq!(fields["nc"], count);
            assert_eq!(fields["uri"], "/a%20b/items?page=2&q=%22x%22");
            assert_eq!(fields["opaque"], "o");
            let name_and_password = hash("ada \"a\":cam:s3cr3t");
            let request = hash(&format!("GET:{}", fields["uri"]));
            let text = format!("{name_and_password}:one:{count}:{}:auth:{request}", fields["cnonce"]);
            assert_eq!(fields["response"], hash(&text));
        }
    }

    /// Requests that are sent together may each be given the same challenge; the numbers go on.
    #[test]
    fn a_challenge_given_again_is_counted_on() {
        let challenges = challenges();
        let other = SHA.replace("one", "two");
        for (offered, answered, count) in [
            (SHA, None, "00000001"),
            (SHA, None, "00000002"),
            (SHA, Some("before"), "00000003"),
            (&other, Some("one"), "00000001"),
            (&other, None, "00000002"),
        ] {
            challenges.take(&refusal(&[offered]), answered.map(str::to_owned).as_ref());
            assert_eq!(answer(&challenges)["nc"], count, "{offered} {answered:?}");
        }
    }

    #[test]
    fn the_strongest_challenge_is_answered() {
        let md5 = r#"Digest realm="cam", qop="auth", nonce="weak""#;
        let basic = r#"Basic realm="cam""#;
        for (offered, algorithm) in [
            (vec![basic, md5, SHA], Some("SHA-256")),
            (vec![SHA, md5], Some("SHA-256")),
            (
                vec![r#"Basic realm="cam", digest realm="cam", qop="auth", nonce="x""#],
                None,
            ),
        ] {
            let challenges = challenges();
            assert_eq!(
                challenges.take(&refusal(&offered), None),
                Verdict::Challenged,
                "{offered:?}"
            );
            assert_eq!(
                answer(&challenges)
                    .get("algorithm")
                    .map(String::as_str)
                    .filter(|name| *name != "MD5"),
                algorithm
            );
        }
    }

    #[test]
    fn what_refuses_an_answer_is_told_from_what_refuses_the_password() {
        let challenges = challenges();
        let verdict = |offered: &str, answered: &str| challenges.take(&refusal(&[offered]), Some(&answered.to_owned()));
        assert_eq!(verdict(SHA, "one"), Verdict::Taken);
        assert_eq!(verdict(SHA, "before"), Verdict::Refused);
        assert_eq!(verdict(&format!("{SHA}, stale=true"), "one"), Verdict::Stale);
        assert_eq!(verdict(&format!("{SHA}, stale=true"), "before"), Verdict::Stale);
        assert_eq!(verdict(r#"Basic realm="cam""#, "one"), Verdict::Taken);
    }
}
