//! HTTP/2 connections to one origin: a few, with many requests at once on each.

use super::{pool::Keeping, upload::Upload};
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

/// The connections that are open, in the order in which they were made: the first with room is used.
#[derive(Debug)]
pub(super) struct Lines {
    keeping: Keeping,
    time: Time,
    open: Mutex<Vec<Arc<Line>>>,
}

/// One connection.
struct Line {
    sender: Sender,
    /// How many streams the peer allows, as far as is known.
    allowed: Arc<AtomicUsize>,
    /// Whom it goes to.
    peer: IpAddr,
    made: Instant,
    streams: AtomicU32,
    requests: AtomicU64,
    /// When its last stream ended.
    rested: AtomicU64,
    time: Time,
}

/// A place for one stream on a connection, until this is dropped.
#[derive(Debug)]
pub(super) struct Lease(Arc<Line>);

impl Lines {
    pub(super) fn new(keeping: Keeping, time: Time) -> Self {
        Self { keeping, time, open: Mutex::default() }
    }

    /// A place on a connection that has one.
    pub(super) fn pick(&self) -> Option<Lease> {
        let mut open = self.lock();
        if open.is_empty() {
            return None;
        }
        let now = self.time.now();
        open.retain(|line| line.is_usable(&self.keeping, now));
        open.iter().find(|line| line.has_room(&self.keeping)).map(Lease::on)
    }

    /// Where no more connections may be made, a place in the line of the one with the fewest requests.
    pub(super) fn pick_where_full(&self) -> Option<Lease> {
        let open = self.lock();
        let full = open.len() >= self.keeping.connections.get() as usize;
        let least = open.iter().filter(|_| full).min_by_key(|line| line.streams.load(Relaxed));
        least.map(Lease::on)
    }

    /// One more connection, with a place for whoever made it.
    pub(super) fn add(&self, sender: Sender, allowed: Arc<AtomicUsize>, peer: IpAddr) -> Lease {
        let now = self.time.now();
        let line = Arc::new(Line {
            sender,
            allowed,
            peer,
            made: now,
            streams: AtomicU32::new(0),
            requests: AtomicU64::new(0),
            rested: AtomicU64::new(now.as_nanos()),
            time: self.time.clone(),
        });
        let lease = Lease::on(&line);
        self.lock().push(line);
        lease
    }

    /// Forgets connections that no request may go over any more, those among them whose peer `is_gone`. Whether any is
    /// left.
    pub(super) fn sweep(&self, now: Instant, is_gone: impl Fn(&IpAddr) -> bool) -> bool {
        let mut open = self.lock();
        let gone: Vec<_> =
            open.extract_if(.., |line| is_gone(&line.peer) || !line.is_usable(&self.keeping, now)).collect();
        let left = !open.is_empty();
        drop(open);
        // Outside the lock: they may close.
        drop(gone);
        left
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Line>>> {
        // Nothing is half-done under this lock.
        self.open.lock()
    }
}

impl Line {
    fn is_usable(&self, keeping: &Keeping, now: Instant) -> bool {
        let worn = keeping.requests.is_some_and(|most| self.requests.load(Relaxed) >= most.get());
        let aged = keeping.age.is_some_and(|age| now.since(self.made) >= age);
        let rested = || now.as_nanos().saturating_sub(self.rested.load(Relaxed));
        let idle = self.streams.load(Relaxed) == 0 && u128::from(rested()) >= keeping.idle_for.as_nanos();
        !self.sender.is_closed() && !worn && !aged && !idle
    }

    fn has_room(&self, keeping: &Keeping) -> bool {
        let streams = self.streams.load(Relaxed);
        streams < keeping.streams.get() && (streams as usize) < self.allowed.load(Relaxed)
    }
}

impl Lease {
    fn on(line: &Arc<Line>) -> Self {
        line.streams.fetch_add(1, Relaxed);
        line.requests.fetch_add(1, Relaxed);
        Self(Arc::clone(line))
    }

    /// What sends the request.
    pub(super) fn sender(&self) -> Sender {
        self.0.sender.clone()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.rested.store(self.0.time.now().as_nanos(), Relaxed);
        self.0.streams.fetch_sub(1, Relaxed);
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("streams", &self.streams).finish_non_exhaustive()
    }
}
