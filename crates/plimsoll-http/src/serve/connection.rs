//! One connection, from its first byte to its last.

use super::{
    Limits, TimeLimit,
    io::Watched,
    places::Place,
    pulse::{Beat, Patience, Pulse, Verdict},
    streams::Streams,
    upgraded::Rules,
};
use crate::{KeepAlive, inbound::Peer};
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use pin_project_lite::pin_project;
use plimsoll_task::drain::CancellationToken;
use std::{
    any::Any,
    error::Error,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until},
};
use tower_service::Service;

/// Peers of HTTP/2 that are silent are asked, and given up when they do not answer for as long again.
const PING: Duration = Duration::from_secs(20);
/// Streams that were reset before they were taken up: more, and the connection ends (CVE-2023-44487).
const RESETS: usize = 20;
/// Streams that were reset for faults of the peer: more, and the connection ends (CVE-2025-8671).
const FAULTS: usize = 256;
/// What hyper holds of one connection of HTTP/1, above the head.
const BUFFER: usize = 16 * 1024;
/// For a connection to close that has been told to.
const PARTING: Duration = Duration::from_secs(1);

/// How connections are spoken to.
#[derive(Debug)]
pub(super) struct Manner {
    head_room: u32,
    head_fields: usize,
    streams: u32,
    patience: Patience,
    stall: Option<Duration>,
    /// How long a connection that has switched protocols may carry nothing, and goes on in a drain.
    upgraded: (Option<Duration>, Option<Duration>),
    pub(super) keep_alive: Option<KeepAlive>,
}

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Either side was done with it.
    Well,
    Idle,
    SlowHead,
    Broken(Box<dyn Error + Send + Sync>),
}

impl Manner {
    pub(super) fn new(limits: &Limits) -> Self {
        let time = |limit: Option<TimeLimit>| limit.map(TimeLimit::get);
        let patience = Patience {
            head: time(limits.head_time),
            idle: time(limits.idle),
            upgraded: time(limits.upgraded_idle),
        };
        Self {
            head_room: limits.head_room.get(),
            head_fields: limits.head_fields.get() as usize,
            streams: limits.streams.get(),
            patience,
            stall: time(limits.stall),
            upgraded: (time(limits.upgraded_idle), time(limits.upgraded_drain)),
            keep_alive: limits.keep_alive,
        }
    }

    fn builder(&self, pulse: &Arc<Pulse>) -> Builder<Streams> {
        let mut builder = Builder::new(Streams::of(pulse));
        let room = self.head_room;
        // Heads and rests are timed by the connection's own task, which can tell the one from the other.
        builder
            .http1()
            .header_read_timeout(None)
            .max_headers(self.head_fields)
            .max_buf_size(room as usize + BUFFER);
        builder
            .http2()
            .timer(TokioTimer::new())
            // WebSockets over HTTP/2 (RFC 8441).
            .enable_connect_protocol()
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .max_concurrent_streams(self.streams)
            .max_header_list_size(room)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(FAULTS);
        builder
    }

    /// Serves the connection until it ends. Once `quiet` is cancelled no further request is taken on it, and it ends with
    /// those under way.
    ///
    /// Cancel safe: dropped, the connection is closed and its requests are dropped.
    pub(super) async fn serve<I, S, B>(&self, io: I, visit: Visit, service: S) -> Ended
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Visit { pulse, peer, place, quiet, cut, leave, held } = visit;
        let (idle, drain) = self.upgraded;
        let rules = Rules { idle, drain, quiet: quiet.clone(), cut, leave };
        let io = TokioIo::new(Watched::new(io, Arc::clone(&pulse), self.stall, rules, held));
        let service =
            TowerToHyperService::new(Here { inner: service, pulse: Arc::clone(&pulse), peer, place });
        let builder = self.builder(&pulse);
        let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
        let mut look = pin!(sleep_until(Instant::now()));
        let (mut looks, mut closing) = (true, false);
        // What streams have become has a time of its own in a drain; requests beside it are waited for.
        let mut drained = pin!(sleep_until(Instant::now()));
        let mut drains = false;
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => return ended.map_or_else(Ended::Broken, |()| Ended::Well),
                () = quiet.cancelled(), if !closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                    if let Some(time) = drain {
                        drains = true;
                        drained.as_mut().reset(Instant::now() + time);
                    }
                }
                () = drained.as_mut(), if drains => {
                    if pulse.is_tunnel() {
                        return Ended::Well;
                    }
                    drained.as_mut().reset(Instant::now() + PARTING);
                }
                () = look.as_mut(), if looks => match pulse.judge(Instant::now(), self.patience) {
                    None => looks = false,
                    Some(Verdict::Wait(until)) => look.as_mut().reset(until),
                    Some(Verdict::SlowHead) => return Ended::SlowHead,
                    Some(Verdict::Idle) if closing => return Ended::Idle,
                    Some(Verdict::Idle) => {
                        closing = true;
                        connection.as_mut().graceful_shutdown();
                        look.as_mut().reset(Instant::now() + PARTING);
                    }
                },
            }
        }
    }
}

/// Whose connection it is, and what is known of it.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) pulse: Arc<Pulse>,
    pub(super) peer: Option<SocketAddr>,
    /// Where it may have to make room for another.
    pub(super) place: Option<Place>,
    /// No further request is taken on it.
    pub(super) quiet: CancellationToken,
    /// It ends at once.
    pub(super) cut: CancellationToken,
    /// It has to make room.
    pub(super) leave: CancellationToken,
    /// What counts it, for as long as its socket is open.
    pub(super) held: Box<dyn Any + Send + Sync>,
}

/// The service as one connection sees it: its requests know whose they are, and the connection knows of them.
#[derive(Clone)]
struct Here<S> {
    inner: S,
    pulse: Arc<Pulse>,
    peer: Option<SocketAddr>,
    place: Option<Place>,
}

impl<S, R, B> Service<Request<R>> for Here<S>
where
    S: Service<Request<R>, Response = Response<B>>,
{
    type Response = Response<Held<B>>;
    type Error = S::Error;
    type Future = Holding<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<R>) -> Self::Future {
        let beat = self.pulse.begin(request.version() == Version::HTTP_2);
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(Peer(peer));
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        if let Some(place) = &self.place {
            request.extensions_mut().insert(place.clone());
        }
        let connect = *request.method() == Method::CONNECT;
        let multiplexed = request.version() == Version::HTTP_2;
        Holding { inner: self.inner.call(request), beat: Some(beat), connect, multiplexed }
    }
}

pin_project! {
    struct Holding<F> {
        #[pin]
        inner: F,
        beat: Option<Beat>,
        connect: bool,
        multiplexed: bool,
    }
}

impl<F, B, E> Future for Holding<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<Held<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(cx))?;
        let switches = answer.status() == StatusCode::SWITCHING_PROTOCOLS
            || *this.connect && answer.status().is_success();
        if let (true, Some(beat)) = (switches, &this.beat) {
            // Over HTTP/2 it is one stream of the connection that becomes something else.
            if *this.multiplexed {
                beat.pulse().carries(Instant::now());
            } else {
                beat.pulse().switch();
            }
        }
        Poll::Ready(Ok(answer.map(|inner| Held { inner, beat: this.beat.take() })))
    }
}

pin_project! {
    /// An answer's body, which keeps its connection busy until it is dropped.
    struct Held<B> {
        #[pin]
        inner: B,
        beat: Option<Beat>,
    }
}

impl<B: Body> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
