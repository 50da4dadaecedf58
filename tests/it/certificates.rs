//! An API whose certificate no public authority has signed: it is trusted when `SSL_CERT_FILE` names the bundle that its
//! authority is in, and refused otherwise.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::program::Program;
use crate::support::repository;

/// A server that answers every request with one record. It serves until the test process ends.
fn start() -> String {
    let folder = repository().join("tests/it/certificates");
    let certificate = CertificateDer::from_pem_file(folder.join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut reader = BufReader::new(StreamOwned::new(connection, stream));
            let mut line = String::new();
            // A client that does not trust the certificate breaks off.
            while reader.read_line(&mut line).is_ok_and(|count| count > 0) && !line.ends_with("\r\n\r\n") {}
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\n[{\"id\":1}]";
            let stream = reader.get_mut();
            if stream.write_all(answer.as_bytes()).is_ok() {
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    url
}

/// K-14: the bundle that the environment names is honoured.
#[test]
fn the_environment_names_the_authorities() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "client: {{ base_url: '{}', retry: {{ max_attempts: 1 }} }}\nresources: [items]\n",
        start()
    );
    std::fs::write(folder.path().join("shop.yaml"), config).unwrap();
    let program = || Program::new(folder.path(), &["run", "shop.yaml"]);
    let refused = program().run().expect(1);
    assert!(refused.stderr.contains("certificate"), "{}", refused.stderr);
    let bundle = repository().join("tests/it/certificates/authority.pem");
    let trusted = program().env("SSL_CERT_FILE", bundle.to_str().unwrap()).run().expect(0);
    assert!(trusted.stderr.contains("items: done, 1 record"), "{}", trusted.stderr);
}
