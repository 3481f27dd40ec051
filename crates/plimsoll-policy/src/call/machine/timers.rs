//! Timers: waits, limits and backoff that run out.

use super::{
    Call, Latency,
    state::{CallStage, Queued},
};
use crate::{
    AttemptRole, Failure, Limit, Machine, Outcome, PolicyEvent, Reason, RejectedError, Settlement,
    call::{AttemptId, Finish, attempts::Attempts, context::Context, kept::Kept},
    policy::Driver,
};
use std::time::Duration;

impl Call {
    pub(super) fn timer<D: Driver>(&mut self, cx: Context<'_, D>) {
        match *self.state.stage() {
            CallStage::Delayed(slot) if cx.now >= slot.at() => self.turn(cx),
            CallStage::Queued(Queued { until, .. }) if cx.now >= until => self.waited_too_long(cx),
            CallStage::Backoff(until) if cx.now >= until => self.begin(cx, AttemptRole::Retry),
            CallStage::InFlight if cx.now >= self.progress.deadline => self.out_of_time(cx),
            CallStage::InFlight => {
                self.expire(cx);
                if self.state.is_in_flight() && cx.now >= self.hedge_at {
                    self.hedge(cx);
                }
            }
            CallStage::Committed => self.expire_body(cx),
            _ => {}
        }
    }

    fn waited_too_long<D: Driver>(&mut self, cx: Context<'_, D>) {
        let &CallStage::Queued(Queued { role, ticket, permits, since, .. }) = self.state.stage() else {
            return;
        };
        cx.policy.waited(cx.now, cx.now.since(since));
        let in_time = cx.now < self.progress.deadline;
        let luck = self.luck(AttemptId(self.progress.made));
        if let Some(permits) = cx.policy.give_up(ticket, cx.now, luck, permits) {
            // Granted in the same moment: a granted permit is used.
            if in_time {
                return self.come_in(cx, role, permits);
            }
            cx.policy.give_back(&permits, cx.now, luck);
        }
        if !in_time && role == AttemptRole::First {
            cx.observe(PolicyEvent::TimedOut(Limit::Total));
            return self.end(Finish::TimedOut(Limit::Total));
        }
        self.not_admitted(cx, role, RejectedError::new(Machine::Bulkhead, Reason::WaitTimedOut));
    }

    /// Ends the call at its deadline, with attempts in flight.
    fn out_of_time<D: Driver>(&mut self, cx: Context<'_, D>) {
        let mut caller = false;
        let usual = self.usual_time(cx);
        for slot in 0..Attempts::SLOTS {
            let Some(attempt) = self.attempts.get(slot) else { continue };
            let outcome = attempt.blame(cx.now, self.progress.began, usual);
            caller |= outcome == Outcome::Caller;
            let latency = if outcome.is_failure() { Latency::Counts } else { Latency::SaysNothing };
            self.abort(cx, slot, outcome, latency);
        }
        self.attempts.drop_kept();
        self.time_out(cx, Limit::Total, caller);
    }

    /// Returns how long the policy lets a peer take up to its head, if the caller's own deadline comes before the policy's;
    /// zero otherwise. A caller in a hurry must not open the breaker for all others.
    fn usual_time<D: Driver>(&self, cx: Context<'_, D>) -> Duration {
        let timeouts = cx.policy.timeouts();
        if self.progress.deadline >= timeouts.expiry(Limit::Total, self.progress.began) {
            return Duration::ZERO;
        }
        let limits = [Limit::FirstByte, Limit::Attempt, Limit::Total];
        limits.into_iter().filter_map(|limit| timeouts.get(limit)).min().unwrap_or_default()
    }

    fn time_out<D: Driver>(&mut self, cx: Context<'_, D>, limit: Limit, caller: bool) {
        if caller {
            cx.observe(PolicyEvent::CallerTimedOut(limit));
            self.end(Finish::CallerTimedOut(limit));
        } else {
            cx.observe(PolicyEvent::TimedOut(limit));
            self.end(Finish::TimedOut(limit));
        }
    }

    /// Ends the attempts whose own limits have run out.
    fn expire<D: Driver>(&mut self, cx: Context<'_, D>) {
        for slot in 0..Attempts::SLOTS {
            let Some(attempt) = self.attempts.get(slot).copied() else { continue };
            let expiry = attempt.expiry(cx.policy.timeouts());
            if cx.now < expiry.at {
                continue;
            }
            if expiry.caller {
                // A retry would not make the caller faster.
                self.abort(cx, slot, Outcome::Caller, Latency::SaysNothing);
                self.attempts.drop_kept();
                return self.time_out(cx, expiry.limit, true);
            }
            cx.observe(PolicyEvent::TimedOut(expiry.limit));
            let failure = match expiry.limit {
                Limit::Connect | Limit::Tls => Failure::Connect,
                _ => Failure::Timeout,
            };
            self.attempts.abort(attempt.id, Outcome::Failure(failure));
            self.failed(cx, slot, &Settlement::failure(failure), Kept::TimedOut(expiry.limit));
        }
    }

    /// Ends the body that the caller reads at a limit. Only a silent peer has failed: a body that flows until the end of the
    /// call's time was cut by us, or read too slowly by the caller.
    fn expire_body<D: Driver>(&mut self, cx: Context<'_, D>) {
        if cx.now < self.attempts.expiry(cx.policy.timeouts(), self.progress.deadline) {
            return;
        }
        for slot in 0..Attempts::SLOTS {
            let Some(attempt) = self.attempts.get(slot).copied() else { continue };
            let late = cx.now >= self.progress.deadline;
            let limit = if late { Limit::Total } else { Limit::Idle };
            let outcome = match attempt.expiry(cx.policy.timeouts()) {
                expiry if !expiry.caller && cx.now >= expiry.at => Outcome::Failure(Failure::Timeout),
                _ if attempt.caller_time(cx.now) > cx.now.since(self.progress.began) / 2 => Outcome::Caller,
                _ => Outcome::Cancelled,
            };
            cx.observe(match outcome {
                Outcome::Caller => PolicyEvent::CallerTimedOut(limit),
                _ => PolicyEvent::TimedOut(limit),
            });
            self.attempts.abort(attempt.id, outcome);
            self.body_ended(cx, slot, outcome);
        }
        self.state.move_to_ended();
    }
}
