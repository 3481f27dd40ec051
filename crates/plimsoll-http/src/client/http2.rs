//! The HTTP/2 connections to one origin, with many requests at once on each.

use super::{io::Wire, pool::PoolConfig, silence::Silence, upload::Upload};
use hyper::client::conn::http2;
use parking_lot::{Mutex, MutexGuard};
use plimsoll_driver::Time;
use plimsoll_policy::Instant;
use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

pub(super) type Sender = http2::SendRequest<Upload>;

/// The open connections, the oldest first: the first with a free stream is used.
#[derive(Debug)]
pub(super) struct Http2Connections {
    pool: PoolConfig,
    time: Time,
    open: Mutex<Vec<Arc<Http2Connection>>>,
}

/// One connection.
struct Http2Connection {
    sender: Sender,
    /// The most streams that the peer allows, as far as known.
    allowed: Arc<AtomicUsize>,
    /// The authority that it goes to.
    peer: IpAddr,
    made: Instant,
    streams: AtomicU32,
    requests: AtomicU64,
    /// The time when its last stream ended.
    rested: AtomicU64,
    silence: Silence,
    time: Time,
}

/// A permit for one stream on a connection, until it is dropped.
#[derive(Debug)]
pub(super) struct StreamPermit {
    connection: Arc<Http2Connection>,
    began: Instant,
    reads: u64,
}

impl Http2Connections {
    pub(super) fn new(pool: PoolConfig, time: Time) -> Self {
        Self { pool, time, open: Mutex::default() }
    }

    /// Returns a permit on a connection with a free stream.
    pub(super) fn pick(&self) -> Option<StreamPermit> {
        let mut open = self.lock();
        if open.is_empty() {
            return None;
        }
        let now = self.time.now();
        open.retain(|connection| connection.is_usable(&self.pool, now));
        open.iter()
            .find(|connection| connection.has_room(&self.pool))
            .map(|connection| StreamPermit::on(connection, now))
    }

    /// Returns a permit on the connection with the fewest requests, if no more connections may be made.
    pub(super) fn pick_where_full(&self) -> Option<StreamPermit> {
        let open = self.lock();
        let full = open.len() >= self.pool.connections.get() as usize;
        let least = open.iter().filter(|_| full).min_by_key(|connection| connection.streams.load(Relaxed));
        least.map(|connection| StreamPermit::on(connection, self.time.now()))
    }

    /// Adds a connection, and returns a permit on it.
    pub(super) fn add(
        &self,
        sender: Sender,
        allowed: Arc<AtomicUsize>,
        wire: Arc<Wire>,
        peer: IpAddr,
    ) -> StreamPermit {
        let now = self.time.now();
        let connection = Arc::new(Http2Connection {
            sender,
            allowed,
            peer,
            made: now,
            streams: AtomicU32::new(0),
            requests: AtomicU64::new(0),
            rested: AtomicU64::new(now.as_nanos()),
            silence: Silence::new(wire),
            time: self.time.clone(),
        });
        let permit = StreamPermit::on(&connection, now);
        self.lock().push(connection);
        permit
    }

    /// Removes connections that can take no further request, including those whose peer `is_gone`. Returns whether any is
    /// left.
    pub(super) fn sweep(&self, now: Instant, is_gone: impl Fn(&IpAddr) -> bool) -> bool {
        let mut open = self.lock();
        let gone: Vec<_> = open
            .extract_if(.., |connection| is_gone(&connection.peer) || !connection.is_usable(&self.pool, now))
            .collect();
        let left = !open.is_empty();
        drop(open);
        // Outside the lock: they may close.
        drop(gone);
        left
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Http2Connection>>> {
        // Nothing is half-done under this lock.
        self.open.lock()
    }
}

impl Http2Connection {
    fn is_usable(&self, pool: &PoolConfig, now: Instant) -> bool {
        let worn = pool.requests.is_some_and(|most| self.requests.load(Relaxed) >= most.get());
        let aged = pool.age.is_some_and(|age| now.since(self.made) >= age);
        let rested = || now.as_nanos().saturating_sub(self.rested.load(Relaxed));
        let idle = self.streams.load(Relaxed) == 0 && u128::from(rested()) >= pool.idle_for.as_nanos();
        !self.sender.is_closed() && !self.silence.is_long() && !worn && !aged && !idle
    }

    fn has_room(&self, pool: &PoolConfig) -> bool {
        let streams = self.streams.load(Relaxed);
        streams < pool.streams.get() && (streams as usize) < self.allowed.load(Relaxed)
    }
}

impl StreamPermit {
    fn on(connection: &Arc<Http2Connection>, now: Instant) -> Self {
        connection.streams.fetch_add(1, Relaxed);
        connection.requests.fetch_add(1, Relaxed);
        Self { connection: Arc::clone(connection), began: now, reads: connection.silence.reads() }
    }

    /// Returns the sender of requests.
    pub(super) fn sender(&self) -> Sender {
        self.connection.sender.clone()
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let now = self.connection.time.now();
        self.connection.silence.ended(self.reads, self.began, now);
        self.connection.rested.store(now.as_nanos(), Relaxed);
        self.connection.streams.fetch_sub(1, Relaxed);
    }
}

impl fmt::Debug for Http2Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2Connection").field("streams", &self.streams).finish_non_exhaustive()
    }
}
