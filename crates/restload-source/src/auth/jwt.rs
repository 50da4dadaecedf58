//! Signed assertions: a JWT from a private key (RFC 7519, RFC 7518).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minijinja::Value as Computed;
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::{Decode as _, SecretDocument};
use restload_model::diagnostics::Diagnostics;
use restload_model::secret::MASK;
use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::LoginError;
use super::credential::Credential;
use crate::plan::JsonTemplate;
use crate::template::{RenderError, Template};

/// How long an assertion may be used, in seconds; dlt's hour, which is also the most that servers allow.
const ASSERTION_LIFETIME: i64 = 3600;

/// How an assertion is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// RSA with SHA-256.
    #[default]
    RS256,
    /// RSA with SHA-384.
    RS384,
    /// RSA with SHA-512.
    RS512,
    /// ECDSA on the curve P-256 with SHA-256.
    ES256,
    /// ECDSA on the curve P-384 with SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

/// A compiled assertion.
#[derive(Debug)]
pub(super) struct JwtPlan {
    pub(super) algorithm: Algorithm,
    pub(super) private_key: Credential,
    pub(super) passphrase: Option<Credential>,
    pub(super) key_id: Option<Credential>,
    pub(super) client_id: Credential,
    pub(super) audience: Credential,
    pub(super) scopes: Vec<Template>,
    pub(super) claims: JsonTemplate,
    pub(super) has_unique_id: bool,
}

/// An assertion whose key and claims are known.
pub(super) struct Jwt {
    key: Key,
    header: Value,
    claims: Map<String, Value>,
    has_unique_id: bool,
}

enum Key {
    Rsa(RsaKeyPair, &'static dyn signature::RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl JwtPlan {
    pub(super) fn templates<'t>(&'t self, out: &mut Vec<&'t Template>) {
        let own = [&self.private_key, &self.client_id, &self.audience];
        let own = own.into_iter().chain(&self.passphrase).chain(&self.key_id);
        out.extend(own.map(Credential::template));
        out.extend(&self.scopes);
        self.claims.templates(out);
    }

    /// Reads the key and fills in the claims. `None` when a mistake was noted, or when the key is missing in a plan
    /// that is only shown.
    pub(super) fn bind(&self, values: &Computed, diagnostics: &mut Diagnostics) -> Result<Option<Jwt>, RenderError> {
        let pem = self.private_key.text(values)?;
        let passphrase = match &self.passphrase {
            Some(passphrase) => Some(passphrase.text(values)?),
            None => None,
        };
        if pem == MASK || passphrase.as_deref() == Some(MASK) {
            return Ok(None);
        }
        let key = match read_key(self.algorithm, &pem, passphrase.as_deref()) {
            Ok(key) => key,
            Err((reason, help)) => {
                diagnostics.error_with_help(self.private_key.template().path(), reason, help);
                return Ok(None);
            }
        };
        let mut header = json!({ "alg": self.algorithm, "typ": "JWT" });
        if let Some(key_id) = &self.key_id {
            header["kid"] = key_id.text(values)?.into();
        }
        let client_id = self.client_id.text(values)?;
        let mut claims = Map::from_iter([
            ("iss".to_owned(), client_id.as_str().into()),
            ("sub".to_owned(), client_id.into()),
            ("aud".to_owned(), self.audience.text(values)?.into()),
        ]);
        if !self.scopes.is_empty() {
            let scopes: Result<Vec<_>, _> = self.scopes.iter().map(|scope| scope.text(values)).collect();
            claims.insert("scope".to_owned(), scopes?.join(" ").into());
        }
        if let Value::Object(own) = self.claims.render(values)? {
            for (name, value) in own {
                if value.is_null() {
                    claims.remove(&name);
                } else {
                    claims.insert(name, value);
                }
            }
        }
        Ok(Some(Jwt {
            key,
            header,
            claims,
            has_unique_id: self.has_unique_id,
        }))
    }
}

impl Jwt {
    /// The assertion for this moment. `nonce` becomes its id, where one is wanted.
    pub(super) fn sign(&self, now: i64, nonce: &str) -> Result<String, LoginError> {
        let mut claims = self.claims.clone();
        claims.entry("iat").or_insert_with(|| now.into());
        claims.entry("exp").or_insert_with(|| (now + ASSERTION_LIFETIME).into());
        if self.has_unique_id {
            claims.entry("jti").or_insert_with(|| nonce.into());
        }
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(&self.header), encoded(&Value::Object(claims)));
        let signature = self.signature(signed.as_bytes());
        let signature =
            signature.map_err(|_| LoginError::new("the assertion cannot be signed with this private key"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        match &self.key {
            Key::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(*encoding, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
            Key::Ecdsa(key) => Ok(key.sign(&SystemRandom::new(), message)?.as_ref().to_vec()),
            Key::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
        }
    }
}

/// What is wrong with a key, and what to do about it.
type KeyError = (String, &'static str);

const WHAT_FITS: &str =
    "check `algorithm`; `openssl pkcs8 -topk8 -nocrypt -in OLD.pem -out NEW.pem` converts a key of an older format";

fn read_key(algorithm: Algorithm, text: &str, passphrase: Option<&str>) -> Result<Key, KeyError> {
    // A variable of the environment often has the two characters `\n` where the file has an end of line.
    let pem = text.trim().replace("\\n", "\n");
    let plain;
    let der = if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") {
        plain = decrypt(&pem, passphrase)?;
        PrivateKeyDer::Pkcs8(plain.as_bytes().into())
    } else if pem.contains("Proc-Type: 4,ENCRYPTED") {
        let reason = "the private key is encrypted in the old manner of OpenSSL";
        return Err((
            reason.to_owned(),
            "`openssl pkcs8 -topk8 -in OLD.pem -out NEW.pem` writes one that can be read",
        ));
    } else {
        PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
            let reason = "the private key is not one in PEM";
            (
                reason.to_owned(),
                "it begins with `-----BEGIN PRIVATE KEY-----`; give the whole text, in several lines",
            )
        })?
    };
    let rejected = |reason: ring::error::KeyRejected| {
        (
            format!("the private key does not fit `{algorithm:?}`: {reason}"),
            WHAT_FITS,
        )
    };
    match algorithm {
        Algorithm::RS256 => rsa_key(&der, &signature::RSA_PKCS1_SHA256),
        Algorithm::RS384 => rsa_key(&der, &signature::RSA_PKCS1_SHA384),
        Algorithm::RS512 => rsa_key(&der, &signature::RSA_PKCS1_SHA512),
        Algorithm::ES256 => ecdsa_key(&der, &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => ecdsa_key(&der, &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_der()).map(Key::Ed25519),
    }
    .map_err(rejected)
}

fn rsa_key(
    der: &PrivateKeyDer<'_>,
    encoding: &'static dyn signature::RsaEncoding,
) -> Result<Key, ring::error::KeyRejected> {
    let key: rsa::KeyPair = match der {
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        other => RsaKeyPair::from_pkcs8(other.secret_der()),
    }?;
    Ok(Key::Rsa(key, encoding))
}

fn ecdsa_key(
    der: &PrivateKeyDer<'_>,
    algorithm: &'static signature::EcdsaSigningAlgorithm,
) -> Result<Key, ring::error::KeyRejected> {
    EcdsaKeyPair::from_pkcs8(algorithm, der.secret_der(), &SystemRandom::new()).map(Key::Ecdsa)
}

fn decrypt(pem: &str, passphrase: Option<&str>) -> Result<SecretDocument, KeyError> {
    let Some(passphrase) = passphrase else {
        return Err((
            "the private key is encrypted".to_owned(),
            "give its passphrase: `private_key_passphrase: \"{secrets.my_passphrase}\"`",
        ));
    };
    let unreadable = |reason: String| {
        let help = "check `private_key_passphrase`; a key with an old cipher is renewed by `openssl pkcs8 -topk8`";
        (format!("the private key cannot be decrypted: {reason}"), help)
    };
    let (_, document) = SecretDocument::from_pem(pem).map_err(|error| unreadable(error.to_string()))?;
    let encrypted = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes());
    let encrypted = encrypted.map_err(|error| unreadable(error.to_string()))?;
    encrypted
        .decrypt(passphrase)
        .map_err(|error| unreadable(error.to_string()))
}
