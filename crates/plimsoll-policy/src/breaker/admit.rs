use super::{Breaker, Passage, Permit, word::Word};
use crate::{BreakerState, Instant, Machine, Reason, RejectedError, TransitionReason};

impl Breaker {
    /// Admits a call or refuses it. The permit must be settled exactly once.
    ///
    /// The first call after the open time is the first probe, and returns the transition. A call also returns a transition
    /// if it closes a half-open breaker that already has enough good probes, because an update has lowered their number.
    ///
    /// # Errors
    /// [`Reason::CircuitOpen`] with the time until probes pass, [`Reason::ProbesTaken`] while all probes are in flight,
    /// [`Reason::Isolated`] if it is held open by hand.
    #[inline]
    pub fn admit(&self, now: Instant) -> Result<Passage, RejectedError> {
        let word = self.word();
        if word.passes() { Ok(Passage::steady(word)) } else { self.admit_unsteady(now, word) }
    }

    #[cold]
    fn admit_unsteady(&self, now: Instant, mut word: Word) -> Result<Passage, RejectedError> {
        let refused = |reason| Err(RejectedError::new(Machine::Breaker, reason));
        loop {
            let Some(until) = self.until(word) else {
                word = self.word();
                continue;
            };
            match word.state() {
                BreakerState::Closed | BreakerState::ForcedClosed => return Ok(Passage::steady(word)),
                BreakerState::ForcedOpen | BreakerState::Isolated => return refused(Reason::Isolated),
                BreakerState::Open if now < until => {
                    return refused(Reason::CircuitOpen).map_err(|rejected| rejected.after(until.since(now)));
                }
                BreakerState::Open => {
                    if let Some(passage) = self.begin_probing(word, now, TransitionReason::OpenElapsed)? {
                        return Ok(passage);
                    }
                    word = self.word();
                }
                BreakerState::HalfOpen if word.passed() >= self.steady.limits.probes() => {
                    if let Some(passage) = self.close_at_once(word, now)? {
                        return Ok(passage);
                    }
                    word = self.word();
                }
                BreakerState::HalfOpen if now >= until => {
                    if let Some(passage) = self.begin_probing(word, now, TransitionReason::HalfOpenElapsed)? {
                        return Ok(passage);
                    }
                    word = self.word();
                }
                BreakerState::HalfOpen if word.given() >= self.steady.limits.probes() => {
                    return refused(Reason::ProbesTaken);
                }
                BreakerState::HalfOpen => match self.exchange(word, word.give()) {
                    Ok(()) => return Ok(Passage::probe(word.epoch(), None)),
                    Err(newer) => word = newer,
                },
            }
        }
    }

    /// Admits again a call that was admitted, then waited, and is about to begin. The returned permit replaces the old one,
    /// and is settled instead of it.
    ///
    /// A permit that is still valid (of this epoch, while calls pass or while it is one of the running probes) is returned
    /// unchanged, without a transition. Any other is forgotten, since its epoch is over, and the call is admitted anew. So a
    /// call that queued before the breaker opened does not begin under an open one.
    ///
    /// # Errors
    /// As [`Breaker::admit`]. There is then no permit to settle.
    #[inline]
    pub fn renew(&self, permit: Permit, now: Instant) -> Result<Passage, RejectedError> {
        let word = self.word();
        let holds = word.epoch() == permit.epoch
            && (word.passes() || permit.probe && self.until(word).is_some_and(|until| now < until));
        if holds { Ok(Passage { permit, transition: None }) } else { self.admit(now) }
    }
}
