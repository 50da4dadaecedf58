//! Whom TLS connections trust: the certificate authorities that the system trusts.
//!
//! They are read when the first certificate is to be verified. Where they are a hundred files, reading them takes longer
//! than all else before the first request; an API that is asked over plain HTTP, and a machine without any, do not need
//! them.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// What a handshake says where there is nobody to trust.
pub(crate) const NO_AUTHORITIES: &str = "this system has no certificate authorities that could vouch for the server; \
     install them (often a package `ca-certificates`), or name their file in SSL_CERT_FILE";

/// What rustls says of a certificate that it does not accept.
pub(crate) const REFUSED: &str = "invalid peer certificate";

/// TLS as the HTTP client is to speak it.
pub(crate) fn tls() -> Result<ClientConfig, Error> {
    let provider = Arc::new(crypto::ring::default_provider());
    let verifier = Arc::new(SystemVerifier(Arc::clone(&provider)));
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

/// The platform's verifier, once it is needed: one for all clients, of which each pipeline has its own.
#[derive(Debug)]
struct SystemVerifier(Arc<CryptoProvider>);

impl ServerCertVerifier for SystemVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        static VERIFIER: OnceLock<Result<Verifier, Error>> = OnceLock::new();
        let verifier = VERIFIER.get_or_init(|| Verifier::new(Arc::clone(&self.0)));
        let verifier = verifier.as_ref().map_err(|error| match error {
            // The only thing that it has to say so.
            Error::General(_) => Error::General(NO_AUTHORITIES.to_owned()),
            other => other.clone(),
        })?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
