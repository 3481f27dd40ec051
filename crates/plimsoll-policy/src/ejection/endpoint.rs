//! What the ejector knows of one endpoint.

use crate::{
    Instant,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

/// Requests in the upper half, successes in the lower: one add counts both.
const REQUEST: u64 = 1 << 32;

/// How an endpoint stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndpointStanding {
    /// When it is back; `None` while it is in.
    pub ejected_until: Option<Instant>,
    /// How often it was ejected, less what it has lived down since.
    pub times: u32,
    /// Failures in a row.
    pub consecutive_failures: u32,
    /// Attempts since the last sweep, without throttled and cancelled ones.
    pub requests: u32,
    /// Those of them that went well.
    pub successes: u32,
    /// How often it would have been ejected and was not, because it is the last or enough others are out.
    pub withheld: u32,
    /// When that was last the case.
    pub withheld_at: Option<Instant>,
}

/// On a cache line of its own, since every worker writes to it.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Endpoint {
    /// 0: in.
    until: AtomicU64,
    tally: AtomicU64,
    /// The tally of the last sweep.
    swept: AtomicU64,
    withheld_at: AtomicU64,
    streak: AtomicU32,
    times: AtomicU32,
    withheld: AtomicU32,
}

impl Endpoint {
    pub(super) fn new() -> Self {
        Self {
            until: AtomicU64::new(0),
            tally: AtomicU64::new(0),
            swept: AtomicU64::new(0),
            withheld_at: AtomicU64::new(0),
            streak: AtomicU32::new(0),
            times: AtomicU32::new(0),
            withheld: AtomicU32::new(0),
        }
    }

    #[inline]
    pub(super) fn is_ejected(&self, now: Instant) -> bool {
        now.as_nanos() < self.until.load(Relaxed)
    }

    #[inline]
    pub(super) fn succeeded(&self) {
        self.tally.fetch_add(REQUEST + 1, Relaxed);
        // A store takes the line from the other workers; a load of what is nearly always 0 does not.
        if self.streak.load(Relaxed) != 0 {
            self.streak.store(0, Relaxed);
        }
    }

    /// Failures in a row, this one included.
    #[inline]
    pub(super) fn failed(&self) -> u32 {
        self.tally.fetch_add(REQUEST, Relaxed);
        self.streak.fetch_add(1, Relaxed).saturating_add(1)
    }

    pub(super) fn times(&self) -> u32 {
        self.times.load(Relaxed)
    }

    pub(super) fn eject(&self, until: Instant, times: u32) {
        self.times.store(times, Relaxed);
        self.start_anew();
        self.until.store(until.as_nanos(), Relaxed);
    }

    pub(super) fn uneject(&self) {
        self.times.store(0, Relaxed);
        self.start_anew();
        self.until.store(0, Relaxed);
    }

    /// It goes on with an empty record, so that it is not found wanting again with every further failure.
    pub(super) fn withhold(&self, now: Instant) {
        self.streak.store(0, Relaxed);
        self.withheld.fetch_add(1, Relaxed);
        self.withheld_at.store(now.as_nanos(), Relaxed);
    }

    fn start_anew(&self) {
        self.streak.store(0, Relaxed);
        self.tally.store(0, Relaxed);
    }

    /// Closes the tally, and takes back one earlier ejection for each sweep's time that the endpoint has been in since
    /// the `last` sweep. That can be several: no traffic, no sweep.
    pub(super) fn sweep(&self, now: Instant, last: Instant, every: u64) {
        self.swept.store(self.tally.swap(0, Relaxed), Relaxed);
        let since = last.as_nanos().max(self.until.load(Relaxed));
        let sweeps = now.as_nanos().saturating_sub(since) / every;
        if sweeps > 0 {
            let sweeps = u32::try_from(sweeps).unwrap_or(u32::MAX);
            self.times.store(self.times().saturating_sub(sweeps), Relaxed);
        }
    }

    /// The success rate of the last sweep, where it had so many requests.
    pub(super) fn swept_rate(&self, minimum: u32) -> Option<f64> {
        let (requests, successes) = unpack(self.swept.load(Relaxed));
        (requests > 0 && requests >= minimum).then(|| f64::from(successes) / f64::from(requests))
    }

    pub(super) fn standing(&self, now: Instant) -> EndpointStanding {
        let (requests, successes) = unpack(self.tally.load(Relaxed));
        let withheld = self.withheld.load(Relaxed);
        let at = |word: &AtomicU64| Instant::from_nanos(word.load(Relaxed));
        EndpointStanding {
            ejected_until: self.is_ejected(now).then(|| at(&self.until)),
            times: self.times(),
            consecutive_failures: self.streak.load(Relaxed),
            requests,
            successes,
            withheld,
            withheld_at: (withheld > 0).then(|| at(&self.withheld_at)),
        }
    }
}

fn unpack(tally: u64) -> (u32, u32) {
    ((tally >> 32) as u32, tally as u32)
}
