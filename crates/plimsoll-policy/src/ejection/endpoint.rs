//! The state of the ejector for one endpoint.

use super::{Ejected, EjectionDecision, EjectionReason, Withheld, WithheldBecause};
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
    /// An unreported decision; see [`Endpoint::keep`]. 0: none.
    untold: AtomicU32,
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
            untold: AtomicU32::new(0),
        }
    }

    #[inline]
    pub(super) fn is_ejected(&self, now: Instant) -> bool {
        now.as_nanos() < self.until.load(Relaxed)
    }

    /// When its ejection ends, or when the last one ended.
    #[inline]
    pub(super) fn until(&self) -> u64 {
        self.until.load(Relaxed)
    }

    #[inline]
    pub(super) fn succeeded(&self) {
        self.began_well();
        self.run_ended();
    }

    /// A success that a failure may yet follow: counted, though it ends no run of failures.
    #[inline]
    pub(super) fn began_well(&self) {
        self.tally.fetch_add(REQUEST + 1, Relaxed);
    }

    /// The failures before are not consecutive with those to come.
    #[inline]
    pub(super) fn run_ended(&self) {
        // A store takes the line from the other workers; a load of what is nearly always 0 does not.
        if self.streak.load(Relaxed) != 0 {
            self.streak.store(0, Relaxed);
        }
    }

    /// Failures in a row, this one included.
    #[inline]
    pub(super) fn failed(&self) -> u32 {
        self.tally.fetch_add(REQUEST, Relaxed);
        self.one_more_in_a_row()
    }

    /// A counted success turned out to be a failure. Failures in a row, this one included.
    ///
    /// Where a sweep has closed the tally since, another success pays for it, or, where there is none, the failure is a
    /// request of its own: an attempt counts as a failure once, and in the sweep in which it failed.
    pub(super) fn failed_late(&self) -> u32 {
        self.convert(1, REQUEST);
        self.one_more_in_a_row()
    }

    /// A counted success says nothing after all.
    pub(super) fn forget_success(&self) {
        self.convert(REQUEST + 1, 0);
    }

    /// Takes `away` where a success has been counted, else adds `else_add`.
    fn convert(&self, away: u64, else_add: u64) {
        let _ = self.tally.fetch_update(Relaxed, Relaxed, |tally| {
            let (_, successes) = unpack(tally);
            Some(if successes > 0 { tally - away } else { tally + else_add })
        });
    }

    fn one_more_in_a_row(&self) -> u32 {
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

    pub(super) fn withhold(&self, now: Instant, reason: EjectionReason) {
        // A run that was found too long begins anew, so that it is not found again with every further failure.
        if reason == EjectionReason::ConsecutiveFailures {
            self.streak.store(0, Relaxed);
        }
        self.withheld.fetch_add(1, Relaxed);
        self.withheld_at.store(now.as_nanos(), Relaxed);
    }

    fn start_anew(&self) {
        self.streak.store(0, Relaxed);
        self.tally.store(0, Relaxed);
    }

    /// Closes the tally of this sweep.
    pub(super) fn close_tally(&self) {
        self.swept.store(self.tally.swap(0, Relaxed), Relaxed);
    }

    /// Takes back one earlier ejection for each sweep's time that the endpoint has been in since the `last` sweep. That
    /// can be several: no traffic, no sweep.
    pub(super) fn live_down(&self, now: Instant, last: Instant, every: u64) {
        let since = last.as_nanos().max(self.until.load(Relaxed));
        let sweeps = now.as_nanos().saturating_sub(since) / every;
        if sweeps > 0 {
            let sweeps = u32::try_from(sweeps).unwrap_or(u32::MAX);
            self.times.store(self.times().saturating_sub(sweeps), Relaxed);
        }
    }

    /// Requests of the last sweep, and the percentage of them that went well; `None` without any.
    pub(super) fn swept_rate(&self) -> Option<(u32, f64)> {
        let (requests, successes) = unpack(self.swept.load(Relaxed));
        (requests > 0).then(|| (requests, f64::from(successes) * 100.0 / f64::from(requests)))
    }

    /// Keeps a decision on this endpoint until [`Self::tell`]. Returns whether there was none.
    pub(super) fn keep(&self, decision: EjectionDecision) -> bool {
        let (kind, reason) = match decision {
            EjectionDecision::Ejected(ejected) => (1, ejected.reason),
            EjectionDecision::Withheld(withheld) => (2 + withheld.because as u32, withheld.reason),
        };
        self.untold.swap(kind << 8 | reason as u32, Relaxed) == 0
    }

    /// Returns the kept decision, with the endpoint's present standing.
    pub(super) fn report(&self, endpoint: u32) -> Option<EjectionDecision> {
        let kept = self.untold.swap(0, Relaxed);
        let reason = *EjectionReason::ALL.get((kept & 0xff) as usize)?;
        Some(match (kept >> 8).checked_sub(2) {
            Some(because) => {
                let because = *WithheldBecause::ALL.get(because as usize)?;
                EjectionDecision::Withheld(Withheld { endpoint, reason, because })
            }
            None if kept == 0 => return None,
            None => {
                let until = Instant::from_nanos(self.until());
                EjectionDecision::Ejected(Ejected { endpoint, until, times: self.times(), reason })
            }
        })
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
