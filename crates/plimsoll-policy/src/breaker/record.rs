use super::BreakerSpec;
use crate::{BreakerState, Draw, Instant, Transition, TransitionReason};
use std::time::Duration;

/// The counts of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Calls that ended.
    pub calls: u64,
    /// Of these, the ones that failed.
    pub failures: u64,
    /// Of all, the ones that were slow.
    pub slow: u64,
}

impl Counts {
    /// Returns the share of failed calls, from 0 to 1; `None` without calls.
    pub fn failure_ratio(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.failures as f64 / self.calls as f64)
    }

    /// Returns the share of slow calls, from 0 to 1; `None` without calls.
    pub fn slow_ratio(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.slow as f64 / self.calls as f64)
    }
}

impl From<[u64; 3]> for Counts {
    fn from([calls, failures, slow]: [u64; 3]) -> Self {
        Self { calls, failures, slow }
    }
}

/// Why and when the breaker last opened because of what it counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// When.
    pub at: Instant,
    /// Which condition.
    pub reason: TransitionReason,
    /// The window's counts at that time: their failure ratio is the one at opening.
    pub counts: Counts,
}

/// The part that only transitions and onlookers touch, behind the breaker's lock.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) spec: BreakerSpec,
    /// How often it has opened without closing in between.
    pub(super) openings: u32,
    pub(super) opening: Option<Opening>,
    pub(super) last: Option<(Instant, Transition)>,
}

impl Record {
    pub(super) const fn new(spec: BreakerSpec) -> Self {
        Self { spec, openings: 0, opening: None, last: None }
    }

    /// Notes a transition; until when the new state holds by itself.
    pub(super) fn note(&mut self, now: Instant, draw: Draw, transition: Transition) -> Instant {
        self.last = Some((now, transition));
        match transition.to {
            BreakerState::Open => {
                let open = self.open_time(draw);
                self.openings = self.openings.saturating_add(1);
                now + open
            }
            BreakerState::HalfOpen => now + self.spec.half_open,
            BreakerState::Closed
            | BreakerState::ForcedClosed
            | BreakerState::ForcedOpen
            | BreakerState::Isolated => {
                self.openings = 0;
                Instant::FAR
            }
        }
    }

    /// Doubled with each opening, bounded, and only then lengthened by the jitter: were the sum bounded, all clients
    /// that have reached the bound would probe together.
    fn open_time(&self, draw: Draw) -> Duration {
        let BreakerSpec { open, max_open, jitter, .. } = self.spec;
        let doubled =
            1u32.checked_shl(self.openings).map_or(Duration::MAX, |factor| open.saturating_mul(factor));
        let bounded = doubled.min(max_open.max(open));
        let part = jitter.get() * draw.unit();
        bounded.saturating_add(
            Duration::try_from_secs_f64(bounded.as_secs_f64() * part).unwrap_or(Duration::MAX),
        )
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::units::Ratio;

    fn open_time(record: &mut Record, draw: u64) -> Duration {
        let transition = Transition {
            from: BreakerState::HalfOpen,
            to: BreakerState::Open,
            reason: TransitionReason::ProbeFailed,
        };
        record.note(Instant::ORIGIN, Draw::new(draw), transition).since(Instant::ORIGIN)
    }

    #[test]
    fn open_times_double_up_to_the_bound_and_then_jitter() {
        let spec = BreakerSpec {
            open: Duration::from_secs(1),
            max_open: Duration::from_secs(6),
            jitter: Ratio::percent(50),
            ..BreakerSpec::default()
        };
        let mut record = Record::new(spec);
        let times: Vec<_> = (0..5).map(|_| open_time(&mut record, 0).as_secs()).collect();
        assert_eq!(times, [1, 2, 4, 6, 6]);
        let longest = open_time(&mut record, u64::MAX);
        assert!(longest > Duration::from_secs(8) && longest <= Duration::from_secs(9), "{longest:?}");
        record.openings = 1_000;
        assert_eq!(open_time(&mut record, 0), Duration::from_secs(6));
    }

    #[test]
    fn a_bound_below_the_first_time_is_the_first_time() {
        let spec = BreakerSpec {
            open: Duration::from_secs(5),
            max_open: Duration::from_secs(1),
            ..BreakerSpec::default()
        };
        let mut record = Record::new(spec);
        assert_eq!(open_time(&mut record, 0), Duration::from_secs(5));
        assert_eq!(open_time(&mut record, 0), Duration::from_secs(5));
    }

    #[test]
    fn the_longest_times_do_not_overflow() {
        let spec = BreakerSpec {
            open: Duration::MAX,
            max_open: Duration::MAX,
            jitter: Ratio::ONE,
            ..BreakerSpec::default()
        };
        let mut record = Record::new(spec);
        assert!(open_time(&mut record, u64::MAX) > Duration::from_secs(1 << 32));
    }
}
