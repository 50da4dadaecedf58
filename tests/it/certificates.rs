//! An API whose certificate no public authority has signed: it is trusted when `SSL_CERT_FILE` names the bundle that its
//! authority is in, and refused otherwise.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

use crate::support::program::Program;
use crate::support::repository;

/// A server with a certificate that answers every request with one record. It serves until the test process ends.
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
    listen("https", move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = answer(StreamOwned::new(connection, stream));
        stream.conn.send_close_notify();
        let _ = stream.flush();
    })
}

/// Has every connection answered, and says where.
fn listen(scheme: &str, serve: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    url
}

/// Reads one request and answers it. A client that does not trust the certificate breaks off.
fn answer<S: Read + Write>(stream: S) -> S {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|count| count > 0) && !line.ends_with("\r\n\r\n") {}
    let mut stream = reader.into_inner();
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\n[{\"id\":1}]";
    let _ = stream.write_all(answer.as_bytes());
    stream
}

fn folder_with_config(url: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("client: {{ base_url: '{url}' }}\nresources: [items]\n");
    std::fs::write(folder.path().join("shop.yaml"), config).unwrap();
    folder
}

/// K-14: the bundle that the environment names is honoured. Another try would not make a certificate a better one.
#[test]
fn the_environment_names_the_authorities() {
    let folder = folder_with_config(&start());
    let program = || Program::new(folder.path(), &["run", "shop.yaml"]);
    let refused = program().run().expect(1);
    assert!(
        refused.stderr.contains("invalid peer certificate"),
        "{}",
        refused.stderr
    );
    assert!(!refused.stderr.contains("try 2"), "{}", refused.stderr);
    let bundle = repository().join("tests/it/certificates/authority.pem");
    let trusted = program().env("SSL_CERT_FILE", bundle.to_str().unwrap()).run().expect(0);
    assert!(trusted.stderr.contains("items: done, 1 record"), "{}", trusted.stderr);
}

/// A small container image often has no authorities. That is no matter until one is needed.
#[test]
fn who_asks_in_the_clear_needs_no_authorities() {
    let run = |folder: &TempDir| {
        Program::new(folder.path(), &["run", "shop.yaml"])
            .env("SSL_CERT_FILE", folder.path().join("none.pem").to_str().unwrap())
            .env("SSL_CERT_DIR", folder.path().to_str().unwrap())
            .run()
    };
    let clear = listen("http", |stream| drop(answer(stream)));
    let loaded = run(&folder_with_config(&clear)).expect(0);
    assert!(loaded.stderr.contains("items: done, 1 record"), "{}", loaded.stderr);
    let refused = run(&folder_with_config(&start())).expect(1);
    assert!(
        refused.stderr.contains("this system has no certificate authorities"),
        "{}",
        refused.stderr
    );
    assert!(!refused.stderr.contains("try 2"), "{}", refused.stderr);
}
