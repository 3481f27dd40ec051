//! One connection, from its first byte to its last.

use super::{
    Limits, TimeLimit,
    activity::{ConnectionActivity, ConnectionTimes, Decision},
    io::{Watched, takes_nothing},
    limits::StreamWindow,
    rarely::Rarely,
    respond::{ConnectionService, known},
    slots::Slot,
    streams::{Executor, LOOKS, Streams},
    unsent::Unsent,
    upgraded::Rules,
};
use crate::{
    KeepAlive,
    http2::{PING_TIMEOUT, SEND_BUFFER, connection_window},
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use plimsoll_task::drain::CancellationToken;
use std::{any::Any, error::Error, future::poll_fn, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until},
};

/// Streams that were reset before they were taken up: more, and the connection ends (CVE-2023-44487).
const RESETS: usize = 20;
/// Streams that were reset for faults of the peer: more, and the connection ends (CVE-2025-8671).
const FAULTS: usize = 256;
/// Bytes that hyper holds of one HTTP/1 connection, above the head.
const BUFFER: usize = 16 * 1024;
/// The fields of a head that hyper takes unless told otherwise.
const HEAD_FIELDS: usize = 100;
/// For a connection to close that has been told to.
const PARTING: Duration = Duration::from_secs(1);

/// How connections are spoken to.
#[derive(Debug)]
pub(super) struct ConnectionConfig {
    head_room: u32,
    head_fields: usize,
    streams: u32,
    window: StreamWindow,
    ping: Option<Duration>,
    times: ConnectionTimes,
    stall: Option<Duration>,
    /// How long a connection that has switched protocols may carry nothing, and goes on in a drain.
    upgraded: (Option<Duration>, Option<Duration>),
    pub(super) keep_alive: Option<KeepAlive>,
    unsent: Arc<Unsent>,
}

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Either side was done with it.
    Well,
    Idle,
    SlowHead,
    /// Another needed its place.
    MadeRoom,
    /// With everything that was left.
    Cut,
    Broken(Box<dyn Error + Send + Sync>),
}

impl ConnectionConfig {
    pub(super) fn new(limits: &Limits) -> Self {
        let time = |limit: Option<TimeLimit>| limit.map(TimeLimit::get);
        Self {
            head_room: limits.head_room.get(),
            head_fields: limits.head_fields.get() as usize,
            streams: limits.streams.get(),
            window: limits.window,
            ping: time(limits.ping),
            times: ConnectionTimes {
                head: time(limits.head_time),
                idle: time(limits.idle),
                upgraded: time(limits.upgraded_idle),
            },
            stall: time(limits.stall),
            upgraded: (time(limits.upgraded_idle), time(limits.upgraded_drain)),
            keep_alive: limits.keep_alive,
            unsent: Unsent::new(limits.unsent.map(|limit| limit.get() as u64)),
        }
    }

    /// The responses that clients have not taken.
    pub(super) const fn unsent(&self) -> &Arc<Unsent> {
        &self.unsent
    }

    fn builder(&self, activity: &Arc<ConnectionActivity>, streams: &Arc<Streams>) -> Builder<Executor> {
        let mut builder = Builder::new(Executor::new(activity, streams));
        // Heads and rests are timed by the connection's own task, which can tell the one from the other.
        builder.http1().header_read_timeout(None).max_buf_size(self.head_room as usize + BUFFER);
        // hyper fills its table of fields anew for each head where its length is set.
        if self.head_fields != HEAD_FIELDS {
            builder.http1().max_headers(self.head_fields);
        }
        builder
            .http2()
            .timer(TokioTimer::new())
            // WebSockets over HTTP/2 (RFC 8441).
            .enable_connect_protocol()
            .keep_alive_interval(self.ping)
            .keep_alive_timeout(PING_TIMEOUT)
            .initial_stream_window_size(self.window.get())
            .initial_connection_window_size(connection_window(self.window.get(), self.streams))
            .max_send_buf_size(SEND_BUFFER)
            .max_concurrent_streams(self.streams)
            .max_header_list_size(self.head_room)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(FAULTS);
        builder
    }

    /// Serves the connection until it ends. Once `quiet` is cancelled no further request is taken on it, and it ends with
    /// those under way.
    ///
    /// Cancel safe: dropped, the connection is closed and its requests are dropped.
    pub(super) async fn serve<I, S, B>(&self, io: I, context: ConnectionContext, service: S) -> Ended
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: tower_service::Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + Unpin + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let ConnectionContext { activity, peer, slot, quiet, cut, leave, held } = context;
        let (idle, drain) = self.upgraded;
        let rules = Rules { idle, drain, quiet: quiet.clone(), cut: cut.clone(), leave: leave.clone() };
        let io = TokioIo::new(Watched::new(io, Arc::clone(&activity), self.stall, rules, held));
        let streams = Streams::new(&self.unsent);
        let service = ConnectionService {
            inner: service,
            activity: Arc::clone(&activity),
            streams: Arc::clone(&streams),
            known: known(peer, slot),
        };
        let builder = self.builder(&activity, &streams);
        let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
        let mut look = pin!(sleep_until(Instant::now()));
        let (mut looks, mut closing) = (true, false);
        // What streams have become has a time of its own in a drain; requests beside it are waited for.
        let mut drained = pin!(sleep_until(Instant::now()));
        let mut drains = false;
        loop {
            let event = {
                let event = Rarely::new(async {
                    tokio::select! {
                        biased;
                        () = cut.cancelled() => Event::Cut,
                        () = leave.cancelled() => Event::Leave,
                        () = quiet.cancelled(), if !closing => Event::Quiet,
                        () = drained.as_mut(), if drains => Event::Drained,
                        () = streams.used(), if self.stall.is_some() => Event::Used,
                        () = look.as_mut(), if looks => Event::Look,
                    }
                });
                tokio::select! {
                    biased;
                    ended = poll_fn(|cx| {
                        let polled = connection.as_mut().poll(cx);
                        streams.clear();
                        polled
                    }) => return ended.map_or_else(Ended::Broken, |()| Ended::Well),
                    event = event => event,
                }
            };
            match event {
                Event::Cut => return Ended::Cut,
                Event::Leave => return Ended::MadeRoom,
                Event::Quiet => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                    if let Some(time) = drain {
                        drains = true;
                        drained.as_mut().reset(Instant::now() + time);
                    }
                }
                Event::Drained if activity.is_tunnel() => return Ended::Well,
                Event::Drained => drained.as_mut().reset(Instant::now() + PARTING),
                Event::Used => {
                    looks = true;
                    let next = self.next_look(&streams, look.deadline());
                    look.as_mut().reset(next);
                }
                Event::Look => match self.decide(&activity, &streams) {
                    None => looks = false,
                    Some(Decision::Wait(until)) => look.as_mut().reset(until),
                    Some(Decision::Stuck) => return Ended::Broken(Box::new(takes_nothing())),
                    Some(Decision::SlowHead) => return Ended::SlowHead,
                    Some(Decision::Idle) if closing => return Ended::Idle,
                    Some(Decision::Idle) => {
                        closing = true;
                        connection.as_mut().graceful_shutdown();
                        look.as_mut().reset(Instant::now() + PARTING);
                    }
                },
            }
        }
    }
}

/// Events from outside of a connection.
enum Event {
    /// Everything is cut off.
    Cut,
    /// It has to make room for another.
    Leave,
    /// No further request is taken.
    Quiet,
    /// The time is over that what has switched protocols has in a drain.
    Drained,
    /// Its first stream has been opened.
    Used,
    /// It is time to look at what it does.
    Look,
}

impl ConnectionConfig {
    fn decide(&self, activity: &ConnectionActivity, streams: &Streams) -> Option<Decision> {
        let now = Instant::now();
        let Some(limit) = self.stall.filter(|_| streams.is_used()) else {
            return activity.decide(now, self.times);
        };
        if streams.look(now, limit) {
            return Some(Decision::Stuck);
        }
        Some(match activity.decide(now, self.times) {
            None => Decision::Wait(now + limit / LOOKS),
            Some(Decision::Wait(until)) => Decision::Wait(self.next_look(streams, until)),
            Some(verdict) => verdict,
        })
    }

    /// The earlier of this and the next look at the streams, if there are any.
    fn next_look(&self, streams: &Streams, until: Instant) -> Instant {
        match self.stall.filter(|_| streams.is_used()) {
            Some(limit) => until.min(Instant::now() + limit / LOOKS),
            None => until,
        }
    }
}

/// One connection's identity and its limits.
#[derive(Debug)]
pub(super) struct ConnectionContext {
    pub(super) activity: Arc<ConnectionActivity>,
    pub(super) peer: Option<SocketAddr>,
    /// Where it may have to make room for another.
    pub(super) slot: Option<Slot>,
    /// No further request is taken on it.
    pub(super) quiet: CancellationToken,
    /// It ends at once.
    pub(super) cut: CancellationToken,
    /// It has to make room.
    pub(super) leave: CancellationToken,
    /// Counts the connection for as long as its socket is open.
    pub(super) held: Box<dyn Any + Send + Sync>,
}
