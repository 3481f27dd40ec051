//! Ends: of an attempt, of a body, of the call.

use super::{Attempt, Call, Last, Latency, Step};
use crate::{
    AttemptRole, Cause, Failure, Instant, Outcome, PolicyEvent, Purpose, Settlement,
    call::{
        AttemptId, Finish,
        retrying::{Again, again},
    },
    policy::{Host, Luck, Policy},
};
use std::time::Duration;

impl Call {
    /// An attempt's head has come (`open`: its body is still to be read), or all of it, or its failure.
    pub(super) fn came<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        id: AttemptId,
        settlement: &Settlement,
        open: bool,
    ) {
        let Some(slot) = self.slot_of(id) else { return };
        if matches!(self.step, Step::Committed) {
            if !open {
                self.body_ended(policy, now, slot, settlement.outcome);
            }
            return;
        }
        if !policy.is_failure(settlement) {
            return self.win(policy, now, slot, settlement, open);
        }
        let Some(attempt) = &mut self.attempts[slot] else { return };
        if open {
            attempt.head(now, settlement.outcome, settlement.provisional);
        }
        let last = if open { Last::Answered(*attempt) } else { Last::Failed(id) };
        let alone = self.attempts.iter().flatten().count() == 1;
        if alone && open {
            return self.answered_badly(policy, now, slot, settlement);
        }
        self.failed(policy, now, slot, settlement, last);
    }

    /// The only attempt out was answered, with a failure: again, or the peer's own response as it came, which is better
    /// than one of ours.
    fn answered_badly<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        slot: usize,
        settlement: &Settlement,
    ) {
        let Some(attempt) = self.attempts[slot] else { return };
        match self.again(policy, now, &attempt, settlement) {
            Again::After(cause, wait) => {
                self.learn(policy, now, slot, settlement, Latency::SaysNothing);
                self.keep(Last::Answered(attempt));
                self.plan(policy, now, cause, wait);
            }
            denied => {
                denied.observe(policy, now);
                self.win(policy, now, slot, settlement, true);
            }
        }
    }

    /// An attempt has failed for good: another one may still be out, or follow, or this was it.
    pub(super) fn failed<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        slot: usize,
        settlement: &Settlement,
        last: Last,
    ) {
        let Some(attempt) = self.attempts[slot] else { return };
        let latency = match settlement.outcome {
            // It would have taken at least so long; what failed at once says nothing of how long a response takes.
            Outcome::Failure(Failure::Timeout) => Latency::Counts,
            _ => Latency::SaysNothing,
        };
        self.learn(policy, now, slot, settlement, latency);
        self.keep(last);
        if self.attempts.iter().any(Option::is_some) {
            // A failure does not win over an attempt that is still out.
            return;
        }
        self.hedge_at = Instant::FAR;
        match self.again(policy, now, &attempt, settlement) {
            Again::After(cause, wait) => self.plan(policy, now, cause, wait),
            denied => {
                denied.observe(policy, now);
                self.give_last();
            }
        }
    }

    fn again<H: Host>(
        &self,
        policy: &Policy<H>,
        now: Instant,
        attempt: &Attempt,
        settlement: &Settlement,
    ) -> Again {
        let draw = self.seed.draw(Purpose::Backoff, attempt.id.0);
        again(policy.retrying(), &self.facts, &self.progress, now, draw, settlement, attempt.sent)
    }

    fn plan<H: Host>(&mut self, policy: &Policy<H>, now: Instant, cause: Cause, wait: Duration) {
        policy.observe(now, PolicyEvent::RetryPlanned(cause, wait));
        self.progress.last_wait = wait;
        self.progress.withdrawn = now;
        self.hedge_at = Instant::FAR;
        self.step = Step::Backoff(now + wait);
    }

    /// This attempt's response goes to the caller; whatever else is out is not needed.
    fn win<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        slot: usize,
        settlement: &Settlement,
        open: bool,
    ) {
        if self.hedged {
            let won = self.attempts[slot].as_ref().is_some_and(|won| won.role == AttemptRole::Hedge);
            policy.observe(now, if won { PolicyEvent::HedgeWon } else { PolicyEvent::HedgeLost });
        }
        // A loser took at least so long: without it the percentile would come out too low.
        self.abort(policy, now, 1 - slot, Outcome::Cancelled, Latency::Counts);
        self.drop_last();
        self.hedge_at = Instant::FAR;
        let Some(attempt) = &mut self.attempts[slot] else { return };
        let id = attempt.id;
        self.finish = Some(Finish::Answer(id));
        // A response that fails fast says nothing of how long a good one takes.
        let latency =
            if settlement.outcome == Outcome::Success { Latency::Counts } else { Latency::SaysNothing };
        if open {
            if attempt.verdict().is_none() {
                attempt.head(now, settlement.outcome, settlement.provisional);
            }
            self.judge(policy, now, slot, settlement, latency);
            self.step = Step::Committed;
        } else {
            self.learn(policy, now, slot, settlement, latency);
            self.step = Step::Ended;
        }
    }

    /// The body that the caller reads has ended so. The head's verdict stands: this can only add a failure.
    pub(super) fn body_ended<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        slot: usize,
        outcome: Outcome,
    ) {
        self.step = Step::Ended;
        let Some(attempt) = &self.attempts[slot] else { return };
        if !matches!(outcome, Outcome::Success | Outcome::Cancelled) {
            policy.observe(now, PolicyEvent::BodyFailed(attempt.role, outcome));
        }
        if let Some(permits) = &attempt.permits {
            let adds = match outcome {
                Outcome::Failure(_) | Outcome::Throttled => attempt.verdict() == Some(Outcome::Success),
                Outcome::Success => attempt.is_provisional(),
                Outcome::Cancelled | Outcome::Caller | Outcome::Local => false,
            };
            if adds {
                policy.judge_late(permits, now, self.luck(attempt.id), outcome);
            }
            policy.release(permits, now);
        }
        self.attempts[slot] = None;
    }

    pub(super) const fn luck(&self, id: AttemptId) -> Luck {
        Luck { seed: self.seed, attempt: id.0 }
    }

    /// Tells the machines that admitted an attempt the verdict on it.
    fn judge<H: Host>(
        &self,
        policy: &Policy<H>,
        now: Instant,
        slot: usize,
        settlement: &Settlement,
        latency: Latency,
    ) {
        let Some(attempt) = &self.attempts[slot] else { return };
        let Some(permits) = &attempt.permits else { return };
        let took = attempt.took(now);
        policy.observe(now, PolicyEvent::Settled(attempt.role, settlement.outcome, took));
        if latency == Latency::Counts {
            policy.record_latency(now, took);
        }
        policy.judge(permits, now, self.luck(attempt.id), settlement, took);
    }

    /// The attempt is over: the verdict, and its places back. Once.
    pub(super) fn learn<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        slot: usize,
        settlement: &Settlement,
        latency: Latency,
    ) {
        self.judge(policy, now, slot, settlement, latency);
        if let Some(permits) = self.attempts[slot].as_ref().and_then(|attempt| attempt.permits.as_ref()) {
            policy.release(permits, now);
        }
        self.attempts[slot] = None;
    }

    #[inline]
    pub(super) fn abort<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        slot: usize,
        outcome: Outcome,
        latency: Latency,
    ) {
        if let Some(attempt) = &self.attempts[slot] {
            self.aborts.push((attempt.id, outcome));
            self.learn(policy, now, slot, &Settlement { outcome, ..Settlement::SUCCESS }, latency);
        }
    }

    pub(super) fn give_last(&mut self) {
        match self.last.take() {
            Some(Last::Failed(id)) => self.end(Finish::Answer(id)),
            Some(Last::TimedOut(limit)) => self.end(Finish::TimedOut(limit)),
            Some(Last::Answered(attempt)) => {
                // The machines know of it; only the limits on its body still run.
                self.attempts[0] = Some(attempt.released());
                self.finish = Some(Finish::Answer(attempt.id));
                self.step = Step::Committed;
            }
            None => self.end(Finish::Gone),
        }
    }

    pub(super) fn gone<H: Host>(&mut self, policy: &Policy<H>, now: Instant) {
        match self.step {
            Step::Ended => return,
            Step::Queued { ticket, permits, .. } => {
                let luck = self.luck(AttemptId(self.made));
                if let Some(permits) = policy.give_up(ticket, now, luck, permits) {
                    policy.give_back(&permits, now, luck);
                }
            }
            Step::Committed => {
                policy.observe(now, PolicyEvent::Gone);
                for slot in 0..self.attempts.len() {
                    if let Some(attempt) = &self.attempts[slot] {
                        self.aborts.push((attempt.id, Outcome::Cancelled));
                        self.body_ended(policy, now, slot, Outcome::Cancelled);
                    }
                }
                self.drop_last();
                return self.end(Finish::Gone);
            }
            _ => {}
        }
        policy.observe(now, PolicyEvent::Gone);
        for slot in 0..self.attempts.len() {
            self.abort(policy, now, slot, Outcome::Cancelled, Latency::SaysNothing);
        }
        self.drop_last();
        self.launch = None;
        self.end(Finish::Gone);
    }
}
