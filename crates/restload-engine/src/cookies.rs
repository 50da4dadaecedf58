//! Cookies: what the answers of a resource set goes with its later requests, by the rules of RFC 6265.
//!
//! Each resource has a jar of its own, as it has a session of its own in dlt. All its requests share it, those that are sent
//! ahead of their turn, too. Logins have none: each is made from nothing.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cookie_store::{Cookie, CookieDomain, CookieStore};
use reqwest::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use restload_model::secret::{Redactor, Secret};
use restload_source::request::Request;
use url::Url;

/// The longest cookie that is kept, with its attributes; RFC 6265 asks for no more.
const LONGEST: usize = 4096;
/// The cookies of a resource. A server that names each anew must not fill the memory, nor the header.
const MOST: usize = 100;
/// A session that cannot be guessed is no shorter. A shorter value is rather a word or a number that records have, too, and
/// masking it would garble them.
const SHORTEST_SESSION: usize = 16;

/// The jars of all resources.
#[derive(Debug)]
pub(crate) struct Jars {
    redactor: Redactor,
    by_resource: Mutex<HashMap<Arc<str>, Arc<Jar>>>,
}

/// The cookies of a resource.
pub(crate) struct Jar {
    redactor: Redactor,
    store: Mutex<CookieStore>,
}

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jar").finish_non_exhaustive()
    }
}

impl Jars {
    /// Jars whose cookies the redactor is told of.
    pub(crate) fn new(redactor: Redactor) -> Self {
        Self {
            redactor,
            by_resource: Mutex::default(),
        }
    }

    /// The jar of a resource.
    pub(crate) fn of(&self, resource: &Arc<str>) -> Arc<Jar> {
        let mut jars = self.by_resource.lock().unwrap_or_else(PoisonError::into_inner);
        let jar = jars.entry(Arc::clone(resource));
        Arc::clone(jar.or_insert_with(|| Arc::new(Jar::new(self.redactor.clone()))))
    }
}

impl Jar {
    fn new(redactor: Redactor) -> Self {
        Self {
            redactor,
            store: Mutex::default(),
        }
    }

    fn store(&self) -> MutexGuard<'_, CookieStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what an answer sets. `url` is the address that gave it.
    pub(crate) fn take(&self, url: &Url, headers: &HeaderMap) {
        let mut set = headers.get_all(SET_COOKIE).iter().peekable();
        if set.peek().is_none() {
            return;
        }
        let mut store = self.store();
        for header in set {
            let text = std::str::from_utf8(header.as_bytes()).ok();
            let text = text.filter(|text| text.len() <= LONGEST);
            let Some(cookie) = text.and_then(|text| Cookie::parse(text, url).ok()) else {
                continue;
            };
            if is_for_all_the_world(&cookie.domain, url) {
                continue;
            }
            let value = cookie.value_trimmed();
            if value.len() >= SHORTEST_SESSION && !cookie.is_expired() {
                let name = format!("cookie {}", cookie.name());
                self.redactor.learn_in_passing(&name, &Secret::new(value));
            }
            // One that has expired removes the one of its name.
            let _ = store.insert(cookie.into_owned(), url);
        }
        while store.iter_any().nth(MOST).is_some() {
            let expired = store.iter_any().find(|cookie| cookie.is_expired());
            let Some(cookie) = expired.or_else(|| store.iter_any().next()) else {
                break;
            };
            let domain = cookie.domain.as_cow().unwrap_or_default().into_owned();
            let (path, name) = (cookie.path.to_string(), cookie.name().to_owned());
            if store.remove(&domain, &path, &name).is_none() {
                break;
            }
        }
    }

    /// Puts the cookies that are for its address on a request, beside its own; of one name its own is sent.
    pub(crate) fn put_on(&self, request: &mut Request) {
        let store = self.store();
        let mut kept = store.matches(&request.url);
        // The path that says more comes first.
        kept.sort_by_key(|cookie| Reverse(cookie.path.len()));
        let own: Vec<&[u8]> = request
            .headers
            .get_all(COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        let own = own.join(&b"; "[..]);
        let own_names: Vec<&[u8]> = own.split(|byte| *byte == b';').map(name_of).collect();
        kept.retain(|cookie| !own_names.contains(&cookie.name().as_bytes()));
        if kept.is_empty() {
            return;
        }
        let kept = kept
            .iter()
            .map(|cookie| format!("{}={}", cookie.name(), cookie.value()));
        let kept = kept.collect::<Vec<_>>().join("; ");
        let both = [own.as_slice(), kept.as_bytes()];
        let both = both.into_iter().filter(|cookies| !cookies.is_empty());
        // A value that no header may have was in none.
        if let Ok(header) = HeaderValue::from_bytes(&both.collect::<Vec<_>>().join(&b"; "[..])) {
            request.headers.insert(COOKIE, header);
        }
    }
}

/// The name of a cookie as it is sent.
fn name_of(cookie: &[u8]) -> &[u8] {
    let name = cookie.split(|byte| *byte == b'=').next();
    name.unwrap_or_default().trim_ascii()
}

/// Whether a cookie wants to go to every host under a domain such as `com`. What else is nobody's own, such as `co.uk`,
/// only a list could tell; here it matters little, since only hosts that the API leads to are ever asked.
fn is_for_all_the_world(domain: &CookieDomain, url: &Url) -> bool {
    matches!(domain, CookieDomain::Suffix(suffix) if !suffix.contains('.')) && !domain.host_is_identical(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a request to `asked`, after answers of these addresses have set these cookies.
    fn sent(set: &[(&str, &str)], own: &[&str], asked: &str) -> Option<String> {
        let jar = Jar::new(Redactor::default());
        for (url, cookie) in set {
            take(&jar, url, cookie);
        }
        header(&jar, own, asked)
    }

    fn take(jar: &Jar, url: &str, cookie: &str) {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, HeaderValue::from_bytes(cookie.as_bytes()).unwrap());
        jar.take(&Url::parse(url).unwrap(), &headers);
    }

    fn header(jar: &Jar, own: &[&str], asked: &str) -> Option<String> {
        let mut request = Request {
            method: reqwest::Method::GET,
            url: Url::parse(asked).unwrap(),
            headers: HeaderMap::new(),
            body: None,
            exchange: None,
        };
        for own in own {
            request.headers.append(COOKIE, own.parse().unwrap());
        }
        jar.put_on(&mut request);
        let header = request.headers.get(COOKIE)?;
        assert_eq!(request.headers.get_all(COOKIE).iter().count(), 1);
        Some(String::from_utf8(header.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn a_cookie_goes_where_it_belongs() {
        const A: &str = "https://api.shop.test/v1/items?page=1";
        for (set, cookie, asked, expected) in [
            // Without a domain it is its host's alone, and goes to all ports of it.
            (A, "a=1", "https://api.shop.test/v1/items?page=2", Some("a=1")),
            (A, "a=1", "https://api.shop.test:8443/v1/", Some("a=1")),
            (A, "a=1", "https://eu.api.shop.test/v1/items", None),
            (A, "a=1", "https://shop.test/v1/items", None),
            // With one, it is for the hosts below it, too.
            (A, "a=1; Domain=shop.test", "https://files.shop.test/v1/x", Some("a=1")),
            (A, "a=1; Domain=.Shop.test", "https://shop.test/v1/x", Some("a=1")),
            (A, "a=1; Domain=shop.test", "https://workshop.test/v1/x", None),
            (A, "a=1; Domain=other.test", "https://other.test/v1/x", None),
            (A, "a=1; Domain=other.test", A, None),
            (A, "a=1; Domain=", A, Some("a=1")),
            // A domain that is nobody's own.
            (A, "a=1; Domain=test", A, None),
            (A, "a=1; Domain=test", "https://bank.test/v1/x", None),
            (
                "http://localhost/",
                "a=1; Domain=localhost",
                "http://localhost/x",
                Some("a=1"),
            ),
            // Addresses are no domains.
            ("http://127.0.0.1:80/", "a=1", "http://127.0.0.1:81/", Some("a=1")),
            ("http://127.0.0.1/", "a=1; Domain=0.0.1", "http://127.0.0.1/", None),
            ("http://[::1]/", "a=1", "http://[::1]/x", Some("a=1")),
            ("http://bücher.test/", "a=1", "http://xn--bcher-kva.test/", Some("a=1")),
            // Without a path it is for the folder of the answer.
            (A, "a=1", "https://api.shop.test/v2/items", None),
            (A, "a=1", "https://api.shop.test/v1items", None),
            (A, "a=1; Path=/", "https://api.shop.test/", Some("a=1")),
            (
                A,
                "a=1; Path=/v1/items",
                "https://api.shop.test/v1/items/5",
                Some("a=1"),
            ),
            (A, "a=1; Path=/v1/items", "https://api.shop.test/v1/items2", None),
            (A, "a=1; Path=no", "https://api.shop.test/v1/items", Some("a=1")),
            // What is secure goes encrypted, or stays on this machine.
            (A, "a=1; Secure; HttpOnly", A, Some("a=1")),
            (A, "a=1; Secure", "http://api.shop.test/v1/items", None),
            (A, "a=1", "http://api.shop.test/v1/items", Some("a=1")),
            ("http://127.0.0.1/", "a=1; Secure", "http://127.0.0.1/", Some("a=1")),
            // Times: Max-Age goes before Expires, and what is no time says nothing.
            (A, "a=1; Max-Age=60", A, Some("a=1")),
            (A, "a=1; Max-Age=0", A, None),
            (A, "a=1; Max-Age=-5", A, None),
            (A, "a=1; Max-Age=99999999999999999999", A, Some("a=1")),
            (A, "a=1; Expires=Thu, 31 Dec 2099 23:59:59 GMT", A, Some("a=1")),
            (A, "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", A, None),
            (A, "a=1; Expires=Thu, 01-Jan-1970 00:00:00 GMT", A, None),
            (
                A,
                "a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                A,
                Some("a=1"),
            ),
            (A, "a=1; Expires=soon", A, Some("a=1")),
            // The value goes back as it came.
            (A, r#"a="b c%20=ü""#, A, Some(r#"a="b c%20=ü""#)),
            (A, " a = 1 ;;", A, Some("a=1")),
            (A, "a=", A, Some("a=")),
            (A, "a", A, None),
            (A, "=1", A, None),
        ] {
            let found = sent(&[(set, cookie)], &[], asked);
            assert_eq!(found.as_deref(), expected, "{cookie} of {set} to {asked}");
        }
    }

    #[test]
    fn cookies_stand_in_one_header_and_the_users_own_win() {
        const A: &str = "https://a.test/v1/items";
        for (set, own, expected) in [
            (vec!["a=1", "b=2", "a=3"], vec![], Some("a=3; b=2")),
            (
                vec!["a=1; Path=/", "b=2; Path=/v1/items", "c=3; Path=/v1"],
                vec![],
                Some("b=2; c=3; a=1"),
            ),
            // One of the name for each path.
            (vec!["a=1; Path=/", "a=2; Path=/v1"], vec![], Some("a=2; a=1")),
            // Only the one of that name, domain and path is removed.
            (vec!["a=1", "b=2", "a=; Max-Age=0"], vec![], Some("b=2")),
            (vec!["a=1", "a=; Max-Age=0; Path=/"], vec![], Some("a=1")),
            (vec!["a=1", "a=; Max-Age=0", "a=2"], vec![], Some("a=2")),
            (vec![], vec!["x=1"], Some("x=1")),
            (vec!["a=1", "b=2"], vec!["x=9; a=own"], Some("x=9; a=own; b=2")),
            (vec!["a=1"], vec!["a=own;"], Some("a=own;")),
            (vec!["a=1", "b=2"], vec!["x=9", " b = own"], Some("x=9;  b = own; a=1")),
            (vec!["a=1", "A=2"], vec!["A=own"], Some("A=own; a=1")),
        ] {
            let answers: Vec<(&str, &str)> = set.iter().map(|cookie| (A, *cookie)).collect();
            let found = sent(&answers, &own, A);
            assert_eq!(found.as_deref(), expected, "{set:?} {own:?}");
        }
    }

    #[test]
    fn a_server_does_not_fill_the_jar() {
        let jar = Jar::new(Redactor::default());
        take(&jar, "https://a.test/", &format!("long={}", "x".repeat(LONGEST)));
        take(&jar, "https://a.test/", "gone=1");
        take(&jar, "https://a.test/", "gone=; Max-Age=0");
        for number in 0..MOST + 5 {
            take(&jar, "https://a.test/", &format!("n{number}=1"));
        }
        let sent = header(&jar, &[], "https://a.test/").unwrap();
        let sent: Vec<&str> = sent.split("; ").collect();
        assert_eq!(sent.len(), MOST);
        assert_eq!((sent[0], sent[MOST - 1]), ("n5=1", "n104=1"));
    }

    #[test]
    fn sessions_are_masked_and_words_are_not() {
        let redactor = Redactor::default();
        let jar = Jar::new(redactor.clone());
        for cookie in [
            "sid=0123456789abcdef; Path=/",
            "lang=english",
            r#"quoted="fedcba9876543210""#,
            "gone=aaaabbbbccccdddd; Max-Age=0",
        ] {
            take(&jar, "https://a.test/", cookie);
        }
        let text = "/x;sid=0123456789abcdef english fedcba9876543210 aaaabbbbccccdddd";
        assert_eq!(redactor.redact(text), "/x;sid=*** english *** aaaabbbbccccdddd");
        // A link of the API's own, where the next run goes on.
        assert_eq!(redactor.store(text), text);
        assert!(!format!("{jar:?}").contains("sid"));
    }

    #[test]
    fn each_resource_has_its_own() {
        let jars = Jars::new(Redactor::default());
        let (items, users): (Arc<str>, Arc<str>) = ("items".into(), "users".into());
        take(&jars.of(&items), "https://a.test/", "a=1");
        assert_eq!(header(&jars.of(&items), &[], "https://a.test/").as_deref(), Some("a=1"));
        assert_eq!(header(&jars.of(&users), &[], "https://a.test/"), None);
    }
}
