use super::{Breaker, Permit, word::Word};
use crate::{
    BreakerState, Draw, Instant, Outcome, Transition, TransitionReason,
    sync::atomic::{Ordering::SeqCst, fence},
};
use std::time::Duration;

/// The finality of a success, which decides its effect on the consecutive failures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Success {
    /// Ends the run of failures.
    Final,
    /// Leaves the run as it is: the final outcome follows.
    Provisional,
}

impl Breaker {
    /// Settles an admitted call whose outcome is known, `took` after its admission. Call it once for each permit. Returns
    /// the transition that it caused, if any.
    ///
    /// `draw` jitters the open time if the breaker opens.
    #[inline]
    pub fn settle(
        &self,
        permit: Permit,
        now: Instant,
        draw: Draw,
        outcome: Outcome,
        took: Duration,
    ) -> Option<Transition> {
        let word = self.word();
        if word.epoch() != permit.epoch {
            return None;
        }
        if permit.probe {
            return self.settle_probe(permit, now, draw, outcome, took);
        }
        let failed = match outcome {
            Outcome::Success => false,
            Outcome::Failure(_) => true,
            Outcome::Throttled | Outcome::Cancelled | Outcome::Caller | Outcome::Local => return None,
        };
        self.count(word, now, draw, (failed, self.is_slow(took)), Success::Final)
    }

    /// Settles a call with a good head, `took` after its admission, whose outcome is in its trailers: instead of
    /// [`Breaker::settle`], once for each permit. [`Breaker::settle_late`] follows.
    ///
    /// The call counts as a success for now, and its latency like any other's; a probe has passed. It does not end a run of
    /// failures. Returns the transition that it caused, if any.
    pub fn settle_provisional(
        &self,
        permit: Permit,
        now: Instant,
        draw: Draw,
        took: Duration,
    ) -> Option<Transition> {
        let word = self.word();
        if word.epoch() != permit.epoch {
            return None;
        }
        if permit.probe {
            return self.settle_probe(permit, now, draw, Outcome::Success, took);
        }
        self.count(word, now, draw, (false, self.is_slow(took)), Success::Provisional)
    }

    /// Settles the rest of a call whose head was settled as a success, by [`Breaker::settle`] or
    /// [`Breaker::settle_provisional`]: at most once for each permit, and only after one of these.
    ///
    /// A failure turns the success into a failure: the window has one failure more and the same number of calls, and the run
    /// of failures is one longer. A success ends the run; it may be reported only after `settle_provisional`, which has not
    /// done so. For a probe, a failure or [`Outcome::Throttled`] opens the breaker again, as long as it is half-open with the
    /// same set of probes. Any other outcome changes nothing: if the caller left early, or the trailers throttle, the success
    /// stays. A permit of an earlier epoch changes nothing.
    ///
    /// Returns the transition that it caused, if any; `draw` jitters the open time.
    pub fn settle_late(
        &self,
        permit: Permit,
        now: Instant,
        draw: Draw,
        outcome: Outcome,
    ) -> Option<Transition> {
        let word = self.word();
        let epoch = permit.epoch;
        if word.epoch() != epoch {
            return None;
        }
        match outcome {
            Outcome::Failure(_) | Outcome::Throttled if permit.probe => self.reopen(epoch, now, draw),
            Outcome::Success if !permit.probe => {
                self.calls.end_failures(epoch);
                None
            }
            Outcome::Failure(_) => {
                let live = || self.word().epoch() == epoch;
                self.calls.fail(self.steady.limits.cut(), now, epoch, live);
                let failures = self.calls.add_failure(epoch, live)?;
                if word.state() == BreakerState::ForcedClosed {
                    None
                } else {
                    self.open_if_due(epoch, now, draw, failures)
                }
            }
            Outcome::Success | Outcome::Throttled | Outcome::Cancelled | Outcome::Caller | Outcome::Local => {
                None
            }
        }
    }

    /// Counts a call while closed, and opens the breaker if a condition is met.
    #[inline(always)]
    fn count(
        &self,
        word: Word,
        now: Instant,
        draw: Draw,
        (failed, slow): (bool, bool),
        success: Success,
    ) -> Option<Transition> {
        let (limits, epoch) = (&self.steady.limits, word.epoch());
        let cut = limits.cut();
        let live = || self.word().epoch() == epoch;
        let number = self.calls.add(cut, now, epoch, (failed, slow), live)?;
        let failures = match success {
            _ if failed => self.calls.add_failure(epoch, live)?,
            Success::Final => {
                self.calls.end_failures(epoch);
                0
            }
            Success::Provisional => 0,
        };
        // A good call can only lower the ratios, unless it completes the minimum, or is the first in a bucket, when another
        // bucket has left the window.
        if !failed && !slow && number > limits.minimum_calls(cut) {
            return None;
        }
        if word.state() == BreakerState::ForcedClosed {
            return None;
        }
        self.open_if_due(epoch, now, draw, failures)
    }

    fn is_slow(&self, took: Duration) -> bool {
        let slow = self.steady.limits.slow_call();
        slow != u64::MAX && took >= Duration::from_nanos(slow)
    }

    /// Opens the breaker if a condition is met.
    fn open_if_due(&self, epoch: u32, now: Instant, draw: Draw, failures: u32) -> Option<Transition> {
        // Of two calls that reach a threshold together, counted in different cells, one must see the other.
        fence(SeqCst);
        let limits = &self.steady.limits;
        let cut = limits.cut();
        let counts = self.calls.counts(cut, now, epoch);
        let reason = if limits.failures_open(failures) {
            TransitionReason::Consecutive
        } else if counts[0] >= limits.minimum_calls(cut) {
            limits.ratio_opens(counts)?
        } else {
            return None;
        };
        self.open(epoch, now, draw, reason, counts.into())
    }

    fn settle_probe(
        &self,
        permit: Permit,
        now: Instant,
        draw: Draw,
        outcome: Outcome,
        took: Duration,
    ) -> Option<Transition> {
        let mut word = self.word();
        while word.epoch() == permit.epoch {
            let next = match outcome {
                Outcome::Success if !self.is_slow(took) => word.pass(),
                Outcome::Cancelled | Outcome::Caller | Outcome::Local => word.give_back(),
                Outcome::Success | Outcome::Failure(_) | Outcome::Throttled => {
                    return self.reopen(permit.epoch, now, draw);
                }
            };
            // Also if this one returned its permit: an update may have lowered the number needed.
            if next.passed() >= self.steady.limits.probes() {
                return self.close(permit.epoch, now, draw);
            }
            match self.exchange(word, next) {
                Ok(()) => return None,
                Err(newer) => word = newer,
            }
        }
        None
    }
}
