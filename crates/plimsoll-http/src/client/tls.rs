//! Encrypted connections, by rustls with ring.

use super::upload::BoxError;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use std::{fmt, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub(super) type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";

/// How encrypted connections are made.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Default for Tls {
    /// With the roots that Mozilla trusts, compiled in.
    fn default() -> Self {
        Self::trusting_store(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() })
    }
}

impl Tls {
    /// Trusts these roots alone: a company's own, for services inside. Each is a certificate in DER.
    ///
    /// # Errors
    /// If one of them is no certificate.
    pub fn trusting(roots: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Result<Self, rustls::Error> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(CertificateDer::from(root.into()))?;
        }
        Ok(Self::trusting_store(store))
    }

    fn trusting_store(store: RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks the versions that rustls calls safe")
            .with_root_certificates(store)
            .with_no_client_auth();
        Self::of(config)
    }

    /// Uses this configuration of rustls: client certificates, other roots. Its ALPN protocols are replaced.
    pub fn of(config: ClientConfig) -> Self {
        Self { config: Arc::new(config) }.speaking(&[HTTP2, HTTP1])
    }

    fn speaking(mut self, protocols: &[&[u8]]) -> Self {
        Arc::make_mut(&mut self.config).alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        self
    }

    /// The same, for HTTP/2 alone.
    pub(super) fn http2_only(self) -> Self {
        self.speaking(&[HTTP2])
    }

    /// Agrees with the peer; says whether on HTTP/2.
    pub(super) async fn agree(&self, host: &str, tcp: TcpStream) -> Result<(TlsStream, bool), BoxError> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())?;
        let stream = TlsConnector::from(Arc::clone(&self.config)).connect(name, tcp).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
        Ok((stream, http2))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
