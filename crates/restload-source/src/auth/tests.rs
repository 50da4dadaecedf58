//! Credentials as configs have them: what is asked for, what is read from answers, and what is refused.

use std::fmt::Write as _;

use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::request::Response;
use crate::template::Context;
use crate::template::to_value;

/// The exchange that a config takes, or what is wrong with it.
fn exchange(config: serde_json::Value) -> Result<Exchange, String> {
    let mut diagnostics = Diagnostics::default();
    let path = KeyPath::root().key("auth");
    let config: AuthConfig = serde_json::from_value(config).map_err(|error| error.to_string())?;
    let context = Context::default()
        .with("vars", to_value(json!({"user": "ada"})))
        .with("secrets", to_value(json!({"password": "open sesame"})));
    let mut headers = http::HeaderMap::new();
    headers.insert("x-client", http::HeaderValue::from_static("shop"));
    let home = url::Url::parse("https://api.test").unwrap();
    let binding = Binding {
        base_url: "https://api.test/v1",
        values: &context.to_value(),
        context: &context,
        client_headers: &headers,
        is_replayed: false,
        trusts: &|url| url.origin() == home.origin(),
    };
    let mut exchanges = Exchanges::default();
    if let Some(auth) = config.compile(&path, &mut diagnostics) {
        exchanges.place_of(&auth, &binding, &path, &mut diagnostics);
    }
    let found = diagnostics.into_vec().into_iter().map(|mistake| {
        let help = mistake.help.map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}: {}{help}", mistake.path, mistake.message)
    });
    let found: Vec<String> = found.collect();
    match exchanges.into_vec().pop() {
        Some(exchange) if found.is_empty() => Ok(exchange),
        _ => Err(found.join("\n")),
    }
}

fn login(config: serde_json::Value) -> Login {
    match exchange(config).unwrap() {
        Exchange::Login(login) => *login,
        Exchange::Digest(_) => panic!("it is a digest"),
    }
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Response {
    let headers = headers.iter().map(|(name, value)| {
        let name = http::HeaderName::from_static(name);
        (name, http::HeaderValue::from_str(value).unwrap())
    });
    Response {
        url: url::Url::parse("https://api.test/login").unwrap(),
        status,
        headers: headers.collect(),
        body: body.as_bytes().to_vec(),
    }
}

fn shown(request: &Request) -> String {
    let mut text = format!("{} {}\n", request.method, request.url);
    for (name, value) in &request.headers {
        let _ = writeln!(text, "{name}: {}", value.to_str().unwrap());
    }
    if let Some(body) = &request.body {
        text.push_str(&String::from_utf8_lossy(body));
    }
    text
}

fn with(mut config: serde_json::Value, more: serde_json::Value) -> serde_json::Value {
    if let (serde_json::Value::Object(config), serde_json::Value::Object(more)) = (&mut config, more) {
        config.extend(more);
    }
    config
}

fn client_credentials(more: serde_json::Value) -> serde_json::Value {
    let config = json!({
        "type": "oauth2_client_credentials",
        "access_token_url": "https://auth.test/token",
        "client_id": "app",
        "client_secret": "s3cr3t",
    });
    with(config, more)
}

fn session_login(more: serde_json::Value) -> serde_json::Value {
    let config = json!({
        "type": "session_login",
        "login": { "path": "login", "data": { "user": "{vars.user}", "password": "{secrets.password}", "otp": null } },
        "capture": { "token": "$.data.token", "sid": { "cookie": "SID" }, "csrf": { "header": "X-CSRF" } },
        "placements": [
            { "value": "Token {session.token}" },
            { "name": "SID", "value": "{session.sid}", "location": "cookie" },
            { "name": "csrf", "value": "{session.csrf}", "location": "query" },
        ],
    });
    with(config, more)
}

#[test]
fn a_login_goes_below_the_base_url_with_the_clients_headers() {
    let request = login(session_login(json!({}))).request(0, "", None).unwrap();
    assert_snapshot!(shown(&request), @r"
    POST https://api.test/v1/login
    x-client: shop
    accept: application/json
    content-type: application/x-www-form-urlencoded
    user=ada&password=open+sesame
    ");
    let elsewhere = json!({ "path": "https://auth.test/login", "method": "get", "params": { "key": "k", "n": 5 } });
    let request = login(session_login(json!({ "login": elsewhere }))).request(0, "", None);
    assert_snapshot!(shown(&request.unwrap()), @r"
    GET https://auth.test/login?key=k&n=5
    accept: application/json
    ");
}

#[test]
fn what_is_captured_is_placed() {
    let login = login(session_login(json!({ "expires_in_path": "ttl" })));
    let headers = [("set-cookie", "SID=cook1e; Path=/"), ("x-csrf", "csrf-1")];
    let granted = login.read(&answer(200, &headers, r#"{"data": {"token": "t0ken"}, "ttl": "90"}"#));
    let granted = granted.unwrap();
    assert_eq!(granted.lifetime, Some(std::time::Duration::from_secs(90)));
    let mut request = answer_to_request("https://api.test/items?csrf=old&page=2");
    granted.session.apply(&mut request).unwrap();
    assert_snapshot!(shown(&request), @r"
    GET https://api.test/items?page=2&csrf=csrf-1
    cookie: lang=en; SID=cook1e
    authorization: Token t0ken
    ");
    let secrets: Vec<&str> = granted.session.secrets().map(Secret::expose).collect();
    assert_eq!(
        secrets,
        ["csrf-1", "cook1e", "t0ken", "Token t0ken", "cook1e", "csrf-1"]
    );
    assert_eq!(format!("{granted:?}").matches("t0ken").count(), 0);
}

fn answer_to_request(url: &str) -> Request {
    let mut headers = http::HeaderMap::new();
    headers.insert("cookie", http::HeaderValue::from_static("SID=old; lang=en"));
    Request {
        method: http::Method::GET,
        url: url::Url::parse(url).unwrap(),
        headers,
        body: None,
        exchange: Some(0),
    }
}

/// Case Z-11: an answer without a token is an error that names what is there, and never a value of it.
#[test]
fn answers_that_are_of_no_use() {
    let token = login(client_credentials(json!({})));
    let session = login(session_login(json!({})));
    let read = |login: &Login, response: &Response| {
        let error = login.read(response).unwrap_err();
        let help = error.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{error}{help}")
    };
    let found = [
        read(
            &token,
            &answer(200, &[], r#"{"token": "s3cr3t-token", "expires_in": 5}"#),
        ),
        read(
            &token,
            &answer(
                200,
                &[],
                r#"{"error": "invalid_scope", "error_description": "no write"}"#,
            ),
        ),
        read(&token, &answer(200, &[], r#"{"access_token": null}"#)),
        read(&token, &answer(200, &[], r#"{"access_token": ""}"#)),
        read(&token, &answer(200, &[], "<html>")),
        read(&token, &answer(401, &[], r#"{"error": "invalid_client"}"#)),
        read(&token, &answer(307, &[("location", "https://evil.test/")], "")),
        read(
            &session,
            &answer(200, &[("set-cookie", "OTHER=1")], r#"{"data": {"token": 5}}"#),
        ),
        read(
            &session,
            &answer(200, &[("set-cookie", "SID=1")], r#"{"data": {"token": 5}}"#),
        ),
        read(&session, &answer(200, &[], r#"{"data": {"token": {"id": "s3cr3t"}}}"#)),
    ];
    assert_snapshot!(found.join("\n"), @r#"
    the answer of the login (POST https://auth.test/token) has no `access_token`; it has the keys `token`, `expires_in`
    the answer of the login (POST https://auth.test/token) has no `access_token`; it has the keys `error`, `error_description`: invalid_scope: no write
    the answer of the login (POST https://auth.test/token) has an empty value at `access_token`
    the answer of the login (POST https://auth.test/token) has an empty value at `access_token`
    the answer of the login (POST https://auth.test/token) cannot be read: it is not JSON: expected value at line 1 column 1
    the login (POST https://auth.test/token) was answered 401 Unauthorized: {"error": "invalid_client"} (check the credentials that `auth` names)
    the login (POST https://auth.test/token) was answered 307, a redirect to https://evil.test/ (a login is not sent on to another address; write that one if it is right)
    the answer of the login (POST https://api.test/v1/login) has no cookie `SID`
    the answer of the login (POST https://api.test/v1/login) has no header `X-CSRF`
    the answer of the login (POST https://api.test/v1/login) has an object at `$.data.token`
    "#);
}

#[test]
fn a_lifetime_is_what_the_answer_says_in_whatever_form() {
    let login = login(client_credentials(json!({ "default_token_expiration": 7 })));
    for (said, seconds) in [
        ("5", 5.0),
        ("\"60\"", 60.0),
        ("1.5", 1.5),
        ("0", 0.0),
        ("-1", 0.0),
        ("null", 7.0),
        ("\"soon\"", 7.0),
        ("true", 7.0),
        ("1e300", 3.2e9),
    ] {
        let body = format!(r#"{{"access_token": "t0ken", "expires_in": {said}}}"#);
        let granted = login.read(&answer(200, &[], &body)).unwrap();
        assert_eq!(
            granted.lifetime.map(|lifetime| lifetime.as_secs_f64()),
            Some(seconds),
            "{said}"
        );
    }
    let granted = login.read(&answer(200, &[], r#"{"access_token": "t0ken"}"#)).unwrap();
    assert_eq!(granted.lifetime.map(|lifetime| lifetime.as_secs()), Some(7));
    // A-01
    let login = self::login(client_credentials(json!({})));
    let granted = login.read(&answer(200, &[], r#"{"access_token": "t0ken"}"#)).unwrap();
    assert_eq!(granted.lifetime.map(|lifetime| lifetime.as_secs()), Some(3600));
}

#[test]
fn a_token_is_asked_for_with_what_the_config_adds() {
    for (more, form) in [
        (
            json!({}),
            "client_id=app&client_secret=s3cr3t&grant_type=client_credentials",
        ),
        (
            json!({ "access_token_request_data": { "scope": "a b", "grant_type": "account_credentials", "client_id": null } }),
            "client_secret=s3cr3t&grant_type=account_credentials&scope=a+b",
        ),
    ] {
        let request = login(client_credentials(more)).request(0, "", None).unwrap();
        assert_eq!(request.url.as_str(), "https://auth.test/token");
        assert_eq!(String::from_utf8(request.body.unwrap()).unwrap(), form);
    }
}

#[test]
fn a_session_lasts_as_long_as_the_answer_or_the_config_says() {
    let token = |more: &str| format!(r#"{{"data": {{"token": "t0ken"}}{more}}}"#);
    for (given, body, seconds) in [
        (json!({}), token(r#", "ttl": 90"#), None),
        (
            json!({"session_lifetime_secs": 600}),
            token(r#", "ttl": 90"#),
            Some(600),
        ),
        (
            json!({"session_lifetime_secs": 600, "expires_in_path": "ttl"}),
            token(r#", "ttl": 90"#),
            Some(90),
        ),
        (
            json!({"session_lifetime_secs": 600, "expires_in_path": "ttl"}),
            token(""),
            Some(600),
        ),
    ] {
        let headers = [("set-cookie", "SID=cook1e; Path=/"), ("x-csrf", "csrf-1")];
        let granted = login(session_login(given.clone()))
            .read(&answer(200, &headers, &body))
            .unwrap();
        assert_eq!(granted.lifetime.map(|lifetime| lifetime.as_secs()), seconds, "{given}");
    }
}

#[test]
fn a_refresh_token_is_sent_and_replaced() {
    let login = login(json!({
        "type": "oauth2_refresh_token",
        "access_token_url": "https://auth.test/token",
        "client_id": "app",
        "refresh_token": "refresh-1",
        "access_token_request_data": { "scope": "read", "client_id": null },
    }));
    let body = |token: Option<&Secret>| {
        let request = login.request(0, "", token).unwrap();
        String::from_utf8(request.body.unwrap()).unwrap()
    };
    assert_eq!(
        body(None),
        "grant_type=refresh_token&scope=read&refresh_token=refresh-1"
    );
    let second = Secret::new("refresh-2");
    assert_eq!(
        body(Some(&second)),
        "grant_type=refresh_token&scope=read&refresh_token=refresh-2"
    );
    let granted = login.read(&answer(
        200,
        &[],
        r#"{"access_token": "a", "refresh_token": "refresh-2"}"#,
    ));
    assert_eq!(granted.unwrap().refresh_token, Some(second));
    let rotation = login.rotation().unwrap();
    assert_eq!(rotation.file.as_deref(), Some(".restload-tokens.json"));
}

const RSA: &str = include_str!("test-keys/rsa.pem");
const RSA_PKCS1: &str = include_str!("test-keys/rsa-pkcs1.pem");
const EC: &str = include_str!("test-keys/ec.pem");
const EC_ENCRYPTED: &str = include_str!("test-keys/ec-encrypted.pem");
const ED25519: &str = include_str!("test-keys/ed.pem");

fn jwt_bearer(more: serde_json::Value) -> serde_json::Value {
    let config = json!({
        "type": "oauth2_jwt_bearer",
        "auth_endpoint": "https://auth.test/token",
        "client_id": "loader@example.com",
    });
    with(config, more)
}

/// The assertion of a request, in its three parts.
fn assertion(config: serde_json::Value) -> [String; 3] {
    let request = login(config).request(1_700_000_000, "n0nce", None).unwrap();
    let form: std::collections::BTreeMap<String, String> = url::form_urlencoded::parse(&request.body.unwrap())
        .into_owned()
        .collect();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let parts: Vec<String> = form["assertion"].split('.').map(ToOwned::to_owned).collect();
    parts.try_into().unwrap()
}

fn decoded(part: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// Case K-11. The signature is the one that `openssl dgst -sha256 -sign` gives for the same text and key.
#[test]
fn an_assertion_has_its_claims_and_a_good_signature() {
    let config = jwt_bearer(json!({
        "private_key": RSA,
        "key_id": "k1",
        "scopes": ["read", "write"],
        "unique_id": true,
        "claims": { "sub": "{vars.user}@example.com" },
    }));
    let [header, claims, signature] = assertion(config);
    let text = |part: &str| String::from_utf8(decoded(part)).unwrap();
    assert_snapshot!(format!("{}\n{}", text(&header), text(&claims)), @r#"
    {"alg":"RS256","typ":"JWT","kid":"k1"}
    {"iss":"loader@example.com","sub":"ada@example.com","aud":"https://auth.test/token","scope":"read write","iat":1700000000,"exp":1700003600,"jti":"n0nce"}
    "#);
    assert_eq!(signature, include_str!("test-keys/rsa-signature.txt").trim());
}

#[test]
fn keys_of_every_kind_sign() {
    use ring::rand::SystemRandom;
    use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
    use rustls_pki_types::PrivatePkcs8KeyDer;
    use rustls_pki_types::pem::PemObject as _;

    let der = |pem: &str| PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let escaped = RSA.replace('\n', "\\n");
    for (key, more) in [(RSA_PKCS1, json!({})), (&escaped, json!({ "claims": { "sub": null } }))] {
        let mut config = jwt_bearer(more);
        config["private_key"] = key.into();
        assert_eq!(decoded(&assertion(config)[2]).len(), 256);
    }
    let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let public = EcdsaKeyPair::from_pkcs8(algorithm, der(EC).secret_pkcs8_der(), &SystemRandom::new()).unwrap();
    let public = UnparsedPublicKey::new(
        &signature::ECDSA_P256_SHA256_FIXED,
        public.public_key().as_ref().to_vec(),
    );
    let encrypted = json!({
        "private_key": EC_ENCRYPTED, "private_key_passphrase": "sesame", "algorithm": "ES256",
    });
    for more in [json!({ "private_key": EC, "algorithm": "ES256" }), encrypted] {
        let [header, claims, signature] = assertion(jwt_bearer(more));
        let message = format!("{header}.{claims}");
        public.verify(message.as_bytes(), &decoded(&signature)).unwrap();
    }
    let public = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der(ED25519).secret_pkcs8_der()).unwrap();
    let [header, claims, signature] = assertion(jwt_bearer(json!({ "private_key": ED25519, "algorithm": "EdDSA" })));
    UnparsedPublicKey::new(&signature::ED25519, public.public_key().as_ref())
        .verify(format!("{header}.{claims}").as_bytes(), &decoded(&signature))
        .unwrap();
}

#[test]
fn mistakes_are_found_before_anything_is_sent() {
    let keys = [
        json!({ "private_key": "s3cr3t" }),
        json!({ "private_key": RSA, "algorithm": "ES256" }),
        json!({ "private_key": EC_ENCRYPTED, "algorithm": "ES256" }),
        json!({ "private_key": EC_ENCRYPTED, "algorithm": "ES256", "private_key_passphrase": "wrong" }),
    ];
    let mut found: Vec<String> = keys.map(|more| exchange(jwt_bearer(more)).err().unwrap()).to_vec();
    let others = [
        client_credentials(json!({ "access_token_url": "auth.test/token" })),
        client_credentials(json!({ "client_id": "{resources.shops.id}" })),
        client_credentials(json!({ "placements": [{ "value": "{session.acces_token}" }] })),
        client_credentials(json!({ "access_token_request_headers": { "a b": "x" } })),
        session_login(json!({ "placements": [{ "name": "a b", "value": "{session.nope}" }] })),
        session_login(json!({ "capture": { "token": { "json": "a", "header": "b" } }, "placements": [] })),
        session_login(json!({ "capture": { "token": "$.[" }, "placements": [] })),
        session_login(json!({ "login": { "path": "x", "json": {}, "data": {} } })),
        session_login(json!({ "login": { "path": "x", "method": "G T" }, "expired_on": "often" })),
        json!({ "type": "oauth2_refresh_token", "access_token_url": "https://a.test", "client_id": "a",
            "refresh_token": "b", "token_file": "", "client_authentication": "basic" }),
    ];
    found.extend(others.map(|config| exchange(config).err().unwrap()));
    assert_snapshot!(found.join("\n"), @r#"
    auth.private_key: the private key is not one in PEM (it begins with `-----BEGIN PRIVATE KEY-----`; give the whole text, in several lines)
    auth.private_key: the private key does not fit `ES256`: WrongAlgorithm (check `algorithm`; `openssl pkcs8 -topk8 -nocrypt -in OLD.pem -out NEW.pem` converts a key of an older format)
    auth.private_key: the private key is encrypted (give its passphrase: `private_key_passphrase: "{secrets.my_passphrase}"`)
    auth.private_key: the private key cannot be decrypted: PKCS#5 decryption failed (check `private_key_passphrase`; a key with an old cipher is renewed by `openssl pkcs8 -topk8`)
    auth.access_token_url: `auth.test/token` is not a whole URL (a whole URL begins with `https://`)
    auth.client_id: `resources` has no value here: these credentials are the same for all records (a key of a parent's record goes with `api_key` or `bearer` in the endpoint's `auth`)
    auth.placements[0].value: `acces_token` is not captured (did you mean `{session.access_token}`?)
    auth.access_token_request_headers.a b: `a b` is not a header name
    auth.placements[0].name: `a b` is not a header name
    auth.placements[0].value: `nope` is not captured (captured are: token, sid, csrf)
    auth.capture.token: a capture has exactly one of `json`, `header` and `cookie`
    auth.capture.token: `$.[` is not a JSONPath: expected selector at its end
    auth.login.data: `json` and `data` exclude each other: a request has one body
    auth.login.method: `G T` is not an HTTP method
    auth.expired_on: `often` is not a status (write a number (404), a class (4xx) or a range (500-503))
    auth.client_authentication: `basic` needs a `client_secret` (a public client is named in the form: `client_authentication: form`)
    auth.token_file: the name of the file is empty (write `token_file: null` if the API never replaces its refresh tokens)
    "#);
}

/// Cases A-08 and A-09: credentials that are printed show no secret.
#[test]
fn credentials_that_are_printed_show_no_secret() {
    let secret = "s3cr3t";
    for config in [
        json!({ "type": "bearer", "token": secret }),
        json!({ "type": "api_key", "api_key": secret }),
        json!({ "type": "http_basic", "username": "ada", "password": secret }),
        json!({ "type": "http_digest", "username": "ada", "password": secret }),
        client_credentials(json!({ "access_token": secret })),
        json!({ "type": "oauth2_refresh_token", "access_token_url": "https://a.test", "client_id": "a",
            "client_secret": secret, "refresh_token": secret, "token_file": null }),
        json!({ "type": "oauth2_jwt_bearer", "auth_endpoint": "https://a.test", "client_id": "a",
            "private_key": secret, "private_key_passphrase": secret }),
        session_login(json!({ "login": { "path": "x", "json": { "password": secret } } })),
        session_login(json!({ "login": { "path": "x", "data": { "password": secret }, "headers": { "k": secret } } })),
    ] {
        let auth: AuthConfig = serde_json::from_value(config.clone()).unwrap();
        let compiled = auth.compile(&KeyPath::root(), &mut Diagnostics::default()).unwrap();
        let bound = exchange(config.clone());
        let shown = format!("{compiled:?} {bound:?}");
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn secrets_that_were_typed_into_a_login_are_known_by_their_names() {
    let login = login(session_login(json!({
        "login": { "path": "x", "params": { "api_key": "k3y" }, "json": { "user": "ada", "in": [{ "passwd": "s3cr3t" }] } },
    })));
    let secrets: Vec<&str> = login.secrets().iter().map(Secret::expose).collect();
    assert_eq!(secrets, ["k3y", "s3cr3t"]);
}
