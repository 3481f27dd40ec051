//! New connections.

use super::{
    http1::Http1Connection,
    http2::StreamPermit,
    io::{Io, Stream},
    origin_state::OriginState,
    upload::BoxError,
};
use crate::{
    dial::Dialer,
    http2::{PING_TIMEOUT, SEND_BUFFER, connection_window},
};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use plimsoll_driver::Marks;
use std::{
    future::poll_fn,
    net::IpAddr,
    num::NonZeroU32,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// A new connection.
pub(super) enum Made {
    Http1(Box<Http1Connection>),
    Http2(StreamPermit),
}

/// The settings of new connections.
#[derive(Clone, Debug)]
pub(super) struct Connecting {
    pub(super) dialer: Dialer,
    #[cfg(feature = "tls")]
    pub(super) tls: super::tls::Tls,
    /// Whether plain connections use HTTP/2 by prior knowledge.
    pub(super) http2_only: bool,
    pub(super) http2: Http2,
}

/// The settings of HTTP/2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Http2 {
    /// The window of one stream, in bytes.
    pub(super) window: u32,
    pub(super) ping: Option<Duration>,
}

impl Http2 {
    /// `ping` is above the rate that gRPC servers with default settings refuse.
    pub(super) const DEFAULT: Self = Self { window: 256 * 1024, ping: Some(Duration::from_secs(360)) };

    fn builder(self, streams: NonZeroU32) -> http2::Builder<TokioExecutor> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(self.window)
            .initial_connection_window_size(connection_window(self.window, streams.get()))
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(self.ping)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(false);
        builder
    }
}

impl Connecting {
    pub(super) fn new(
        dialer: Dialer,
        #[cfg(feature = "tls")] tls: super::tls::Tls,
        http2_only: bool,
        http2: Http2,
    ) -> Self {
        Self {
            dialer,
            #[cfg(feature = "tls")]
            tls: if http2_only { tls.http2_only() } else { tls },
            http2_only,
            http2,
        }
    }
}

/// Makes a connection: looks up the name, tries addresses of both families, and negotiates TLS.
pub(super) async fn make(host: &OriginState, marks: &Marks) -> Result<Made, BoxError> {
    let begun = host.now();
    let made = try_make(host, begun, marks).await;
    if made.is_err() {
        host.pool.failed();
    }
    made
}

async fn try_make(
    host: &OriginState,
    begun: plimsoll_policy::Instant,
    marks: &Marks,
) -> Result<Made, BoxError> {
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
    host: &OriginState,
    stream: Stream,
    peer: IpAddr,
    http2: bool,
    begun: plimsoll_policy::Instant,
) -> Result<Made, BoxError> {
    let (io, wire) = Io::new(stream);
    let opened = host.pool.opened(host.now().since(begun));
    if http2 {
        let connecting = &host.settings.connecting;
        let (sender, connection) = connecting.http2.builder(host.settings.pool.streams).handshake(io).await?;
        let allowed = Arc::new(AtomicUsize::new(connection.current_max_send_streams()));
        let known = Arc::clone(&allowed);
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            // The requests get the error that breaks it.
            let _ended = poll_fn(|cx| {
                let polled = connection.as_mut().poll(cx);
                known.store(connection.current_max_send_streams(), Relaxed);
                polled
            })
            .await;
            drop(opened);
        });
        return Ok(Made::Http2(host.pool.share(sender, allowed, wire, peer)));
    }
    let (sender, connection) = http1::Builder::new().handshake(io).await?;
    Ok(Made::Http1(Box::new(Http1Connection::new(sender, connection, wire, peer, opened, host.now()))))
}
