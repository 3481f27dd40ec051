//! The connections to one origin.

use super::{link::Link, metrics::PoolMetrics, upload::Upload};
use crate::dial::Dialer;
use hyper::client::conn::http2;
use plimsoll_driver::Time;
use std::{
    mem,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// How a pool stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PoolStats {
    /// Connections that are there now.
    pub open: usize,
    /// Of those, the ones that wait for a request.
    pub idle: usize,
    /// Connections made so far.
    pub opened: u64,
    /// Attempts to make one that failed.
    pub failed: u64,
    /// Attempts of calls that went out over a connection that was there already.
    pub reused: u64,
    /// Attempts of calls that went out at all.
    pub used: u64,
}

impl PoolStats {
    /// Connections that a request is using now. One of HTTP/2 counts as in use for as long as it is open.
    pub const fn in_use(&self) -> usize {
        self.open.saturating_sub(self.idle)
    }

    /// Which part of the attempts found a connection that was there already, 0 to 1; 0 before the first.
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

/// How often connections that rest are looked at, at most.
const LOOK: Duration = Duration::from_secs(10);

/// How connections are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keeping {
    pub(super) most_idle: usize,
    pub(super) idle_for: Duration,
}

/// The name whose addresses connections go to.
#[derive(Debug)]
pub(super) struct Follow {
    pub(super) dialer: Dialer,
    pub(super) host: Box<str>,
}

impl Follow {
    /// The addresses that the name has now, if they are known. Has them looked up again when they are due.
    fn addresses(&self) -> Option<Vec<IpAddr>> {
        self.dialer.addresses(&self.host)
    }
}

#[derive(Debug)]
pub(super) struct Pool {
    keeping: Keeping,
    follow: Follow,
    time: Time,
    idle: Mutex<Idle>,
    http2: Mutex<Option<(Shared, IpAddr)>>,
    /// Held while a connection is made that many may share.
    pub(super) making: tokio::sync::Mutex<()>,
    speaks_http2: AtomicBool,
    counts: Arc<Counts>,
    pub(super) metrics: Option<PoolMetrics>,
}

#[derive(Debug, Default)]
struct Idle {
    /// The last to rest is the first to be used: it is the one most surely alive.
    // Boxed, since they go from hand to hand.
    #[allow(clippy::vec_box)]
    links: Vec<Box<Link>>,
    swept: bool,
}

/// A connection of HTTP/2, for any number of requests at once.
pub(super) type Shared = http2::SendRequest<Upload>;

/// A connection that is open: counted until this is dropped.
#[derive(Debug)]
pub(super) struct Opened(Arc<Counts>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl Pool {
    pub(super) fn new(keeping: Keeping, follow: Follow, metrics: Option<PoolMetrics>, time: Time) -> Self {
        Self {
            keeping,
            follow,
            time,
            idle: Mutex::default(),
            http2: Mutex::default(),
            making: tokio::sync::Mutex::new(()),
            speaks_http2: AtomicBool::new(false),
            counts: Arc::default(),
            metrics,
        }
    }

    /// A connection at rest, if there is one.
    pub(super) fn take(&self) -> Option<Box<Link>> {
        let mut idle = lock(&self.idle);
        let link = idle.links.pop()?;
        let aged = self.time.now().since(link.rested) >= self.keeping.idle_for;
        // Under the last to rest lie only older ones.
        let old = if aged { mem::take(&mut idle.links) } else { Vec::new() };
        self.counts.idle.store(idle.links.len(), Relaxed);
        drop(idle);
        drop(old);
        (!aged).then_some(link)
    }

    /// A connection after its exchange: kept, if it can be used again.
    pub(super) fn keep(self: &Arc<Self>, mut link: Box<Link>) {
        if !link.rest() {
            return;
        }
        link.rested = self.time.now();
        let mut idle = lock(&self.idle);
        if idle.links.len() >= self.keeping.most_idle {
            drop(idle);
            return;
        }
        idle.links.push(link);
        self.counts.idle.store(idle.links.len(), Relaxed);
        if !mem::replace(&mut idle.swept, true) {
            drop(idle);
            self.sweep_from_now_on();
        }
    }

    /// Closes what has rested for too long, and what goes to addresses that are gone, for as long as there is anything.
    fn sweep_from_now_on(self: &Arc<Self>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            lock(&self.idle).swept = false;
            return;
        };
        let pool = Arc::downgrade(self);
        let pause = self.keeping.idle_for.min(LOOK).min(self.follow.dialer.settings().name_time);
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
        let aged = idle.links.partition_point(|link| now.since(link.rested) >= self.keeping.idle_for);
        let mut closed: Vec<_> = idle.links.drain(..aged).collect();
        // What the peer has closed shows when it is looked at.
        closed.extend(idle.links.extract_if(.., |link| is_gone(&link.peer) || !link.rest()));
        let mut shared = lock(&self.http2);
        // What is under way on it goes on; it closes when that has ended.
        let _ended = shared.take_if(|(shared, peer)| shared.is_closed() || is_gone(peer));
        idle.swept = !idle.links.is_empty() || shared.is_some();
        self.counts.idle.store(idle.links.len(), Relaxed);
        idle.swept
    }

    /// Whether the origin has been found to speak HTTP/2.
    pub(super) fn speaks_http2(&self) -> bool {
        self.speaks_http2.load(Relaxed)
    }

    /// The connection of HTTP/2, if there is one that lives.
    pub(super) fn shared(&self) -> Option<Shared> {
        let mut shared = lock(&self.http2);
        let _ended = shared.take_if(|(shared, _)| shared.is_closed());
        shared.as_ref().map(|(shared, _)| shared.clone())
    }

    pub(super) fn share(self: &Arc<Self>, connection: &Shared, peer: IpAddr) {
        self.speaks_http2.store(true, Relaxed);
        *lock(&self.http2) = Some((connection.clone(), peer));
        if !mem::replace(&mut lock(&self.idle).swept, true) {
            self.sweep_from_now_on();
        }
    }

    /// A connection has been made.
    pub(super) fn opened(&self, took: Duration) -> Opened {
        self.counts.opened.fetch_add(1, Relaxed);
        self.counts.open.fetch_add(1, Relaxed);
        if let Some(metrics) = &self.metrics {
            metrics.opened(took);
        }
        Opened(Arc::clone(&self.counts))
    }

    /// No connection could be made.
    pub(super) fn failed(&self) {
        self.counts.failed.fetch_add(1, Relaxed);
        if let Some(metrics) = &self.metrics {
            metrics.failed();
        }
    }

    /// An attempt has a connection in hand.
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
    // Nothing is half-done under any of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
