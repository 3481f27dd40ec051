//! The end of attempts, of the body and of the call.

use super::{
    Call, Latency,
    state::{CallStage, Queued},
};
use crate::{
    AttemptRole, Cause, Failure, Instant, Outcome, PolicyEvent, Purpose, Settlement,
    call::{
        AttemptId, Finish,
        attempt::Attempt,
        attempts::Attempts,
        context::Context,
        kept::Kept,
        retrying::{Again, again},
    },
    policy::{Driver, Luck},
};
use std::time::Duration;

impl Call {
    /// Handles an attempt's head (`open`: its body is still to be read), its whole response, or its failure.
    pub(super) fn came<D: Driver>(
        &mut self,
        cx: Context<'_, D>,
        id: AttemptId,
        settlement: &Settlement,
        open: bool,
    ) {
        let Some(slot) = self.attempts.slot_of(id) else { return };
        if self.state.is_committed() {
            if !open {
                self.body_ended(cx, slot, settlement.outcome);
            }
            return;
        }
        if !cx.policy.is_failure(settlement) {
            return self.win(cx, slot, settlement, open);
        }
        let Some(attempt) = self.attempts.get_mut(slot) else { return };
        if open {
            attempt.head(cx.now, settlement.outcome, settlement.provisional);
        }
        let result = if open { Kept::Responded(*attempt) } else { Kept::Failed(id) };
        let alone = self.attempts.in_flight() == 1;
        if alone && open {
            return self.failed_response(cx, slot, settlement);
        }
        self.failed(cx, slot, settlement, result);
    }

    /// Handles a failed response of the only attempt in flight: a retry, or the peer's own response for the caller, which is
    /// better than one of ours.
    fn failed_response<D: Driver>(&mut self, cx: Context<'_, D>, slot: usize, settlement: &Settlement) {
        let Some(attempt) = self.attempts.get(slot).copied() else { return };
        match self.again(cx, &attempt, settlement) {
            Again::After(cause, wait) => {
                self.learn(cx, slot, settlement, Latency::SaysNothing);
                self.attempts.keep(Kept::Responded(attempt));
                self.plan(cx, cause, wait);
            }
            denied => {
                denied.observe(cx);
                self.win(cx, slot, settlement, true);
            }
        }
    }

    /// Ends a failed attempt: another one may be in flight, or follow, or the call ends.
    pub(super) fn failed<D: Driver>(
        &mut self,
        cx: Context<'_, D>,
        slot: usize,
        settlement: &Settlement,
        result: Kept,
    ) {
        let Some(attempt) = self.attempts.get(slot).copied() else { return };
        let latency = match settlement.outcome {
            // A response would have taken at least this long; other failures say nothing about a response's latency.
            Outcome::Failure(Failure::Timeout) => Latency::Counts,
            _ => Latency::SaysNothing,
        };
        self.learn(cx, slot, settlement, latency);
        self.attempts.keep(result);
        if !self.attempts.is_empty() {
            // A failure does not win over an attempt in flight.
            return;
        }
        self.hedge_at = Instant::FAR;
        match self.again(cx, &attempt, settlement) {
            Again::After(cause, wait) => self.plan(cx, cause, wait),
            denied => {
                denied.observe(cx);
                self.give_kept();
            }
        }
    }

    fn again<D: Driver>(&self, cx: Context<'_, D>, attempt: &Attempt, settlement: &Settlement) -> Again {
        let draw = self.seed.draw(Purpose::Backoff, attempt.id.0);
        again(cx.policy.retrying(), &self.facts, &self.progress, cx.now, draw, settlement, attempt.sent)
    }

    fn plan<D: Driver>(&mut self, cx: Context<'_, D>, cause: Cause, wait: Duration) {
        cx.observe(PolicyEvent::RetryPlanned(cause, wait));
        self.progress.last_wait = wait;
        self.progress.withdrawn = cx.now;
        self.hedge_at = Instant::FAR;
        self.state.move_to_backoff(cx.now + wait);
    }

    /// Gives this attempt's response to the caller, and aborts the other one.
    fn win<D: Driver>(&mut self, cx: Context<'_, D>, slot: usize, settlement: &Settlement, open: bool) {
        if self.hedged {
            let won = self.attempts.get(slot).is_some_and(|won| won.role == AttemptRole::Hedge);
            cx.observe(if won { PolicyEvent::HedgeWon } else { PolicyEvent::HedgeLost });
        }
        // The loser took at least this long: without it the percentile would be too low.
        self.abort(cx, 1 - slot, Outcome::Cancelled, Latency::Counts);
        self.attempts.drop_kept();
        self.hedge_at = Instant::FAR;
        let Some(attempt) = self.attempts.get_mut(slot) else { return };
        let id = attempt.id;
        self.finish = Some(Finish::Response(id));
        // A failed response says nothing about the latency of a good one.
        let latency =
            if settlement.outcome == Outcome::Success { Latency::Counts } else { Latency::SaysNothing };
        if open {
            if attempt.outcome().is_none() {
                attempt.head(cx.now, settlement.outcome, settlement.provisional);
            }
            self.settle(cx, slot, settlement, latency);
            self.state.move_to_committed();
        } else {
            self.learn(cx, slot, settlement, latency);
            self.state.move_to_ended();
        }
    }

    /// Ends the body that the caller reads. The head's settlement stands: this can only add a failure.
    pub(super) fn body_ended<D: Driver>(&mut self, cx: Context<'_, D>, slot: usize, outcome: Outcome) {
        self.state.move_to_ended();
        let Some(attempt) = self.attempts.get(slot) else { return };
        if !matches!(outcome, Outcome::Success | Outcome::Cancelled) {
            cx.observe(PolicyEvent::BodyFailed(attempt.role, outcome));
        }
        if let Some(permits) = &attempt.permits {
            let adds = match outcome {
                Outcome::Failure(_) | Outcome::Throttled => attempt.outcome() == Some(Outcome::Success),
                Outcome::Success => attempt.is_provisional(),
                Outcome::Cancelled | Outcome::Caller | Outcome::Local => false,
            };
            if adds {
                cx.policy.settle_late(permits, cx.now, self.luck(attempt.id), outcome);
            }
            cx.policy.release(permits, cx.now);
        }
        self.attempts.clear(slot);
    }

    pub(super) const fn luck(&self, id: AttemptId) -> Luck {
        Luck { seed: self.seed, attempt: id.0 }
    }

    /// Reports an attempt's settlement to the machines that admitted it.
    fn settle<D: Driver>(&self, cx: Context<'_, D>, slot: usize, settlement: &Settlement, latency: Latency) {
        let Some(attempt) = self.attempts.get(slot) else { return };
        let Some(permits) = &attempt.permits else { return };
        let took = attempt.took(cx.now);
        cx.observe(PolicyEvent::Settled(attempt.role, settlement.outcome, took));
        if latency == Latency::Counts {
            cx.policy.record_latency(cx.now, took);
        }
        cx.policy.settle(permits, cx.now, self.luck(attempt.id), settlement, took);
    }

    /// Ends an attempt: reports its settlement and releases its permits. Called once.
    pub(super) fn learn<D: Driver>(
        &mut self,
        cx: Context<'_, D>,
        slot: usize,
        settlement: &Settlement,
        latency: Latency,
    ) {
        self.settle(cx, slot, settlement, latency);
        if let Some(permits) = self.attempts.get(slot).and_then(|attempt| attempt.permits.as_ref()) {
            cx.policy.release(permits, cx.now);
        }
        self.attempts.clear(slot);
    }

    #[inline]
    pub(super) fn abort<D: Driver>(
        &mut self,
        cx: Context<'_, D>,
        slot: usize,
        outcome: Outcome,
        latency: Latency,
    ) {
        if let Some(attempt) = self.attempts.get(slot) {
            self.attempts.abort(attempt.id, outcome);
            self.learn(cx, slot, &Settlement { outcome, ..Settlement::SUCCESS }, latency);
        }
    }

    pub(super) fn give_kept(&mut self) {
        match self.attempts.take_kept() {
            Some(Kept::Failed(id)) => self.end(Finish::Response(id)),
            Some(Kept::TimedOut(limit)) => self.end(Finish::TimedOut(limit)),
            Some(Kept::Responded(attempt)) => {
                // Its settlement has been reported; only the limits on its body still run.
                self.attempts.restore(attempt.released());
                self.finish = Some(Finish::Response(attempt.id));
                self.state.move_to_committed();
            }
            None => self.end(Finish::Gone),
        }
    }

    pub(super) fn gone<D: Driver>(&mut self, cx: Context<'_, D>) {
        match *self.state.stage() {
            CallStage::Ended => return,
            CallStage::Delayed(slot) => cx.policy.cancel_turn(slot, cx.now),
            CallStage::Queued(Queued { ticket, permits, .. }) => {
                let luck = self.luck(AttemptId(self.progress.made));
                if let Some(permits) = cx.policy.give_up(ticket, cx.now, luck, permits) {
                    cx.policy.give_back(&permits, cx.now, luck);
                }
            }
            CallStage::Committed => {
                cx.observe(PolicyEvent::Gone);
                for slot in 0..Attempts::SLOTS {
                    if let Some(attempt) = self.attempts.get(slot) {
                        self.attempts.abort(attempt.id, Outcome::Cancelled);
                        self.body_ended(cx, slot, Outcome::Cancelled);
                    }
                }
                self.attempts.drop_kept();
                return self.end(Finish::Gone);
            }
            _ => {}
        }
        cx.observe(PolicyEvent::Gone);
        for slot in 0..Attempts::SLOTS {
            self.abort(cx, slot, Outcome::Cancelled, Latency::SaysNothing);
        }
        self.attempts.drop_kept();
        self.launch = None;
        self.end(Finish::Gone);
    }
}
