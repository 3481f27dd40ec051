//! A time that was waited for has come.

use super::{Call, Last, Latency, Step};
use crate::{
    AttemptRole, Failure, Instant, Limit, Machine, Outcome, PolicyEvent, Reason, Rejected, Settlement,
    call::{AttemptId, Finish},
    policy::{Host, Policy},
};

impl Call {
    pub(super) fn timer<H: Host>(&mut self, policy: &Policy<H>, now: Instant) {
        match self.step {
            Step::Queued { until, .. } if now >= until => self.waited_too_long(policy, now),
            Step::Backoff(until) if now >= until => self.begin(policy, now, AttemptRole::Retry),
            Step::Flying if now >= self.progress.deadline => self.out_of_time(policy, now),
            Step::Flying => {
                self.expire(policy, now);
                if matches!(self.step, Step::Flying) && now >= self.hedge_at {
                    self.hedge(policy, now);
                }
            }
            Step::Committed => self.expire_body(policy, now),
            _ => {}
        }
    }

    fn waited_too_long<H: Host>(&mut self, policy: &Policy<H>, now: Instant) {
        let Step::Queued { role, ticket, permits, since, .. } = self.step else { return };
        policy.waited(now, now.since(since));
        let in_time = now < self.progress.deadline;
        let luck = self.luck(AttemptId(self.made));
        if let Some(permits) = policy.give_up(ticket, now, luck, permits) {
            // Granted in the same moment: a place in hand is not thrown away.
            if in_time {
                return self.come_in(policy, now, role, permits);
            }
            policy.give_back(&permits, now, luck);
        }
        if !in_time && role == AttemptRole::First {
            policy.observe(now, PolicyEvent::TimedOut(Limit::Total));
            return self.end(Finish::TimedOut(Limit::Total));
        }
        self.not_admitted(policy, now, role, Rejected::new(Machine::Bulkhead, Reason::WaitTimedOut));
    }

    /// The deadline has come while attempts are out.
    fn out_of_time<H: Host>(&mut self, policy: &Policy<H>, now: Instant) {
        let mut caller = false;
        for slot in 0..self.attempts.len() {
            let Some(attempt) = &self.attempts[slot] else { continue };
            let outcome = attempt.blame(now, self.progress.began);
            caller |= outcome == Outcome::Caller;
            let latency = if outcome.is_failure() { Latency::Counts } else { Latency::SaysNothing };
            self.abort(policy, now, slot, outcome, latency);
        }
        self.drop_last();
        self.time_out(policy, now, Limit::Total, caller);
    }

    fn time_out<H: Host>(&mut self, policy: &Policy<H>, now: Instant, limit: Limit, caller: bool) {
        if caller {
            policy.observe(now, PolicyEvent::CallerTimedOut(limit));
            self.end(Finish::CallerTimedOut(limit));
        } else {
            policy.observe(now, PolicyEvent::TimedOut(limit));
            self.end(Finish::TimedOut(limit));
        }
    }

    /// Ends the attempts whose own limits have run out.
    fn expire<H: Host>(&mut self, policy: &Policy<H>, now: Instant) {
        for slot in 0..self.attempts.len() {
            let Some(attempt) = self.attempts[slot] else { continue };
            let expiry = attempt.expiry(policy.timeouts());
            if now < expiry.at {
                continue;
            }
            if expiry.caller {
                // Nothing that is sent again could make the caller quicker.
                self.abort(policy, now, slot, Outcome::Caller, Latency::SaysNothing);
                self.drop_last();
                return self.time_out(policy, now, expiry.limit, true);
            }
            policy.observe(now, PolicyEvent::TimedOut(expiry.limit));
            let failure = match expiry.limit {
                Limit::Connect | Limit::Tls => Failure::Connect,
                _ => Failure::Timeout,
            };
            self.aborts.push((attempt.id, Outcome::Failure(failure)));
            self.failed(policy, now, slot, &Settlement::failure(failure), Last::TimedOut(expiry.limit));
        }
    }

    /// A limit on the body that the caller reads has run out. Only a peer that was silent has failed: a body that goes
    /// on to the end of the call's time was cut by us, or taken too slowly by the caller.
    fn expire_body<H: Host>(&mut self, policy: &Policy<H>, now: Instant) {
        if now < self.expiry(policy) {
            return;
        }
        for slot in 0..self.attempts.len() {
            let Some(attempt) = self.attempts[slot] else { continue };
            let late = now >= self.progress.deadline;
            let limit = if late { Limit::Total } else { Limit::Idle };
            let outcome = match attempt.expiry(policy.timeouts()) {
                expiry if !expiry.caller && now >= expiry.at => Outcome::Failure(Failure::Timeout),
                _ if attempt.caller_time(now) > now.since(self.progress.began) / 2 => Outcome::Caller,
                _ => Outcome::Cancelled,
            };
            policy.observe(
                now,
                match outcome {
                    Outcome::Caller => PolicyEvent::CallerTimedOut(limit),
                    _ => PolicyEvent::TimedOut(limit),
                },
            );
            self.aborts.push((attempt.id, outcome));
            self.body_ended(policy, now, slot, outcome);
        }
        self.step = Step::Ended;
    }
}
