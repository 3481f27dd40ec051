//! The connections to one origin.
//!
//! hyper-util's pool bounds only idle connections and their idle time; this one also bounds the age and the requests of
//! a connection, and over HTTP/2 the connections of an origin and the streams of each.

use super::{
    http1::Http1Connection,
    http2::{Http2Connections, Sender, StreamPermit},
    io::Wire,
    metrics::PoolMetrics,
};
use crate::dial::Dialer;
use parking_lot::{Mutex, MutexGuard};
use plimsoll_driver::Time;
use plimsoll_policy::Instant;
use std::{
    mem,
    net::IpAddr,
    num::{NonZeroU32, NonZeroU64},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// The state of a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PoolStats {
    /// Open connections.
    pub open: usize,
    /// Of those, the idle ones.
    pub idle: usize,
    /// Connections made so far.
    pub opened: u64,
    /// Attempts to make one that failed.
    pub failed: u64,
    /// Attempts over an existing connection.
    pub reused: u64,
    /// Attempts with a connection.
    pub used: u64,
}

impl PoolStats {
    /// Returns the connections in use. An HTTP/2 connection counts as in use for as long as it is open.
    pub const fn in_use(&self) -> usize {
        self.open.saturating_sub(self.idle)
    }

    /// Returns the part of the attempts over an existing connection, 0 to 1; 0 before the first.
    pub fn reuse_ratio(&self) -> f64 {
        if self.used == 0 { 0.0 } else { self.reused as f64 / self.used as f64 }
    }
}

#[derive(Debug, Default)]
struct Counts {
    open: AtomicUsize,
    idle: AtomicUsize,
    opened: AtomicU64,
    failed: AtomicU64,
    reused: AtomicU64,
    used: AtomicU64,
}

/// The least interval between two checks of idle connections.
const LOOK: Duration = Duration::from_secs(10);

/// The settings of kept connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolConfig {
    pub(super) most_idle: usize,
    pub(super) idle_for: Duration,
    /// The age up to which it is used for new requests.
    pub(super) age: Option<Duration>,
    /// The most requests over one connection.
    pub(super) requests: Option<NonZeroU64>,
    /// The most HTTP/2 connections to one origin.
    pub(super) connections: NonZeroU32,
    /// The most requests at once on an HTTP/2 connection.
    pub(super) streams: NonZeroU32,
}

impl PoolConfig {
    pub(super) const DEFAULT: Self = Self {
        most_idle: 64,
        idle_for: Duration::from_secs(60),
        age: None,
        requests: None,
        connections: NonZeroU32::new(8).unwrap(),
        streams: NonZeroU32::new(100).unwrap(),
    };
}

/// The name whose addresses connections use.
#[derive(Debug)]
pub(super) struct FollowedName {
    pub(super) dialer: Dialer,
    pub(super) host: Box<str>,
}

impl FollowedName {
    /// Returns the present addresses of the name, if known. Starts a lookup when one is due.
    fn addresses(&self) -> Option<Vec<IpAddr>> {
        self.dialer.addresses(&self.host)
    }
}

#[derive(Debug)]
pub(super) struct Pool {
    config: PoolConfig,
    follow: FollowedName,
    time: Time,
    idle: Mutex<Idle>,
    http2: Http2Connections,
    /// Held while a shared connection is made.
    pub(super) making: tokio::sync::Mutex<()>,
    speaks_http2: AtomicBool,
    counts: Arc<Counts>,
    pub(super) metrics: Option<PoolMetrics>,
}

#[derive(Debug, Default)]
struct Idle {
    /// The most recently used idle connection is used first: it is the most likely to be alive.
    // Boxed, since they are moved often.
    #[allow(clippy::vec_box)]
    connections: Vec<Box<Http1Connection>>,
    swept: bool,
}

/// An open connection, counted until this is dropped.
#[derive(Debug)]
pub(super) struct Opened(Arc<Counts>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl Pool {
    pub(super) fn new(
        config: PoolConfig,
        follow: FollowedName,
        metrics: Option<PoolMetrics>,
        time: Time,
    ) -> Self {
        Self {
            config,
            follow,
            http2: Http2Connections::new(config, time.clone()),
            time,
            idle: Mutex::default(),
            making: tokio::sync::Mutex::new(()),
            speaks_http2: AtomicBool::new(false),
            counts: Arc::default(),
            metrics,
        }
    }

    /// Returns an idle connection, if there is one.
    pub(super) fn take(&self) -> Option<Box<Http1Connection>> {
        let mut idle = lock(&self.idle);
        let connection = idle.connections.pop()?;
        let now = self.time.now();
        if self.is_worn(&connection, now) {
            self.counts.idle.store(idle.connections.len(), Relaxed);
            drop(idle);
            return self.take();
        }
        let aged = now.since(connection.rested) >= self.config.idle_for;
        // Below the last one there are only older ones.
        let old = if aged { mem::take(&mut idle.connections) } else { Vec::new() };
        self.counts.idle.store(idle.connections.len(), Relaxed);
        drop(idle);
        drop(old);
        (!aged).then_some(connection)
    }

    /// Keeps a connection after its exchange, if it can be used again.
    pub(super) fn keep(self: &Arc<Self>, mut connection: Box<Http1Connection>) {
        if !connection.rest() {
            return;
        }
        connection.rested = self.time.now();
        if self.is_worn(&connection, connection.rested) {
            return;
        }
        let mut idle = lock(&self.idle);
        if idle.connections.len() >= self.config.most_idle {
            drop(idle);
            return;
        }
        idle.connections.push(connection);
        self.counts.idle.store(idle.connections.len(), Relaxed);
        if !mem::replace(&mut idle.swept, true) {
            drop(idle);
            self.sweep_from_now_on();
        }
    }

    /// Returns whether it is too old for another request, or has reached its number of requests.
    fn is_worn(&self, connection: &Http1Connection, now: Instant) -> bool {
        let served = self.config.requests.is_some_and(|most| connection.requests() >= most.get());
        served || self.config.age.is_some_and(|age| now.since(connection.made) >= age)
    }

    /// Closes what has rested for too long, and what goes to addresses that are gone, for as long as there is anything.
    fn sweep_from_now_on(self: &Arc<Self>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            lock(&self.idle).swept = false;
            return;
        };
        let pool = Arc::downgrade(self);
        let pause = self.config.idle_for.min(LOOK).min(self.follow.dialer.settings().name_time);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                let Some(pool) = pool.upgrade() else { return };
                if !pool.sweep() {
                    return;
                }
            }
        });
    }

    /// Says whether there is anything left to sweep.
    fn sweep(&self) -> bool {
        let current = self.follow.addresses();
        let is_gone = |peer: &IpAddr| current.as_ref().is_some_and(|current| !current.contains(peer));
        let now = self.time.now();
        let mut idle = lock(&self.idle);
        let aged = idle
            .connections
            .partition_point(|connection| now.since(connection.rested) >= self.config.idle_for);
        let mut closed: Vec<_> = idle.connections.drain(..aged).collect();
        // A check shows whether the peer has closed it.
        closed.extend(idle.connections.extract_if(.., |connection| {
            is_gone(&connection.peer) || self.is_worn(connection, now) || !connection.rest()
        }));
        // Streams of HTTP/2 connections go on; the connections close after the last.
        let http2 = self.http2.sweep(now, is_gone);
        idle.swept = !idle.connections.is_empty() || http2;
        self.counts.idle.store(idle.connections.len(), Relaxed);
        idle.swept
    }

    /// Returns whether the origin is known to use HTTP/2.
    pub(super) fn speaks_http2(&self) -> bool {
        self.speaks_http2.load(Relaxed)
    }

    /// Returns a permit on an HTTP/2 connection, if one has a free stream.
    pub(super) fn stream(&self) -> Option<StreamPermit> {
        self.http2.pick()
    }

    /// Returns a permit on a full HTTP/2 connection, if no more connections may be made.
    pub(super) fn stream_where_full(&self) -> Option<StreamPermit> {
        self.http2.pick_where_full()
    }

    /// Adds an HTTP/2 connection on which the peer allows this many streams.
    pub(super) fn share(
        self: &Arc<Self>,
        sender: Sender,
        allowed: Arc<AtomicUsize>,
        wire: Arc<Wire>,
        peer: IpAddr,
    ) -> StreamPermit {
        self.speaks_http2.store(true, Relaxed);
        let permit = self.http2.add(sender, allowed, wire, peer);
        let mut idle = lock(&self.idle);
        if !mem::replace(&mut idle.swept, true) {
            drop(idle);
            self.sweep_from_now_on();
        }
        permit
    }

    /// Records a new connection.
    pub(super) fn opened(&self, took: Duration) -> Opened {
        self.counts.opened.fetch_add(1, Relaxed);
        self.counts.open.fetch_add(1, Relaxed);
        if let Some(metrics) = &self.metrics {
            metrics.opened(took);
        }
        Opened(Arc::clone(&self.counts))
    }

    /// Records a connection that could not be made.
    pub(super) fn failed(&self) {
        self.counts.failed.fetch_add(1, Relaxed);
        if let Some(metrics) = &self.metrics {
            metrics.failed();
        }
    }

    /// Records that an attempt has a connection.
    pub(super) fn used(&self, reused: bool) {
        self.counts.used.fetch_add(1, Relaxed);
        if reused {
            self.counts.reused.fetch_add(1, Relaxed);
        }
        if let Some(metrics) = &self.metrics {
            metrics.used(reused);
        }
    }

    pub(super) fn stats(&self) -> PoolStats {
        let counts = &self.counts;
        PoolStats {
            open: counts.open.load(Relaxed),
            idle: counts.idle.load(Relaxed),
            opened: counts.opened.load(Relaxed),
            failed: counts.failed.load(Relaxed),
            reused: counts.reused.load(Relaxed),
            used: counts.used.load(Relaxed),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No state is half-changed under any of these locks.
    mutex.lock()
}
