//! Making connections.

use super::{
    host::Host,
    io::{Io, Stream},
    link::Link,
    pool::Shared,
    upload::BoxError,
};
use crate::dial::Dialer;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use plimsoll_driver::Marks;
use std::net::IpAddr;

/// A connection that has just been made.
pub(super) enum Made {
    Http1(Box<Link>),
    Http2(Shared),
}

/// How connections are made.
#[derive(Clone, Debug)]
pub(super) struct Connecting {
    pub(super) dialer: Dialer,
    #[cfg(feature = "tls")]
    pub(super) tls: super::tls::Tls,
    /// HTTP/2 without asking, where nothing is encrypted.
    pub(super) http2_only: bool,
}

impl Connecting {
    pub(super) fn new(
        dialer: Dialer,
        #[cfg(feature = "tls")] tls: super::tls::Tls,
        http2_only: bool,
    ) -> Self {
        Self {
            dialer,
            #[cfg(feature = "tls")]
            tls: if http2_only { tls.http2_only() } else { tls },
            http2_only,
        }
    }
}

/// Makes a connection: the name is looked up, addresses of both families are tried, TLS is agreed on.
pub(super) async fn make(host: &Host, marks: &Marks) -> Result<Made, BoxError> {
    let begun = host.now();
    let made = try_make(host, begun, marks).await;
    if made.is_err() {
        host.pool.failed();
    }
    made
}

async fn try_make(host: &Host, begun: plimsoll_policy::Instant, marks: &Marks) -> Result<Made, BoxError> {
    let connecting = &host.settings.connecting;
    let tcp = connecting.dialer.dial(host.origin.host(), host.origin.port()).await?;
    let peer = tcp.peer_addr()?.ip();
    #[cfg(feature = "tls")]
    if host.origin.is_secure() {
        marks.dialled();
        let (stream, http2) = connecting.tls.agree(host.origin.host(), tcp).await?;
        return shake(host, Stream::Tls(Box::new(TokioIo::new(stream))), peer, http2, begun).await;
    }
    // Without TLS there is one stage less.
    #[cfg(not(feature = "tls"))]
    let _ = marks;
    shake(host, Stream::Plain(TokioIo::new(tcp)), peer, connecting.http2_only, begun).await
}

async fn shake(
    host: &Host,
    stream: Stream,
    peer: IpAddr,
    http2: bool,
    begun: plimsoll_policy::Instant,
) -> Result<Made, BoxError> {
    let (io, wire) = Io::new(stream);
    let opened = host.pool.opened(host.now().since(begun));
    if http2 {
        let (sender, connection) =
            http2::Builder::new(TokioExecutor::new()).timer(TokioTimer::new()).handshake(io).await?;
        tokio::spawn(async move {
            // What breaks it, its requests are told.
            let _ended = connection.await;
            drop(opened);
        });
        host.pool.share(&sender, peer);
        return Ok(Made::Http2(sender));
    }
    let (sender, connection) = http1::Builder::new().handshake(io).await?;
    Ok(Made::Http1(Box::new(Link::new(sender, connection, wire, peer, opened))))
}
