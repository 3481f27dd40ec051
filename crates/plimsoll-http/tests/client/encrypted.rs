//! TLS: agreed on, refused, and waited for no longer than it may take.

use crate::stand::{SHORT, handle, limited, patient, upstream};
use plimsoll_http::client::{Client, Error, Tls};
use plimsoll_policy::{Limit, Timeouts};
use plimsoll_testkit::Fault;
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// A server with a certificate of its own for `localhost`, and that certificate.
async fn server() -> (String, Vec<u8>, JoinHandle<()>) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let serving = tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(tcp).await else { continue };
            while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    });
    (origin, own.cert.der().to_vec(), serving)
}

#[tokio::test]
async fn a_root_that_is_trusted_is_enough() {
    let (origin, certificate, serving) = server().await;
    let tls = Tls::trusting([certificate]).unwrap();
    let client = Client::builder().tls(tls).origin(&origin, patient()).unwrap();
    for _ in 0..2 {
        assert_eq!(client.get("/").send().await.unwrap().bytes().await.unwrap(), "ok");
    }
    assert_eq!(handle(&client).pool().opened, 1);
    serving.abort();
}

#[tokio::test]
async fn who_is_not_trusted_is_not_asked() {
    let (origin, _, serving) = server().await;
    let error = Client::to(&origin, patient()).unwrap().get("/").send().await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    serving.abort();
}

#[tokio::test]
async fn tls_has_a_limit_of_its_own() {
    let upstream = upstream(Fault::Deaf).await;
    let policy = limited(Timeouts { tls: Some(SHORT), ..Timeouts::NONE });
    let origin = format!("https://{}", upstream.address());
    let error = Client::to(&origin, policy).unwrap().get("/").send().await.unwrap_err();
    assert_eq!(error.timed_out(), Some(Limit::Tls));
    assert!(error.is_connect());
}
