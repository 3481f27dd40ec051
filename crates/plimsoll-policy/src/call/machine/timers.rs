//! What becomes of a call when a time it waits for has come.

use super::{Call, Last, Latency, Step};
use crate::{
    AttemptRole, Draw, Failure, Instant, Limit, Machine, Outcome, PolicyEvent, Reason, Rejected, Settlement,
    call::Finish,
    policy::{Host, Policy},
};
use std::time::Duration;

impl Call {
    pub(super) fn timer<H: Host>(&mut self, policy: &Policy<H>, now: Instant, draw: Draw) {
        match self.step {
            Step::Queued { until, .. } if now >= until => self.waited_too_long(policy, now, draw),
            Step::Backoff(until) if now >= until => self.begin(policy, now, draw, AttemptRole::Retry),
            Step::Flying if now >= self.progress.deadline => self.out_of_time(policy, now, draw),
            Step::Flying => {
                self.expire(policy, now, draw);
                if matches!(self.step, Step::Flying) && now >= self.hedge_at {
                    self.hedge(policy, now, draw);
                }
            }
            Step::Committed => self.expire_body(policy, now, draw),
            _ => {}
        }
    }

    fn waited_too_long<H: Host>(&mut self, policy: &Policy<H>, now: Instant, draw: Draw) {
        let Step::Queued { role, ticket, permits, since, .. } = self.step else { return };
        policy.waited(now, now.since(since));
        let in_time = now < self.progress.deadline;
        if let Some(permits) = policy.give_up(ticket, now, draw, permits) {
            // Granted in the same moment: a place in hand is not thrown away.
            if in_time {
                return self.launch(policy, now, role, permits);
            }
            policy.settle(permits, now, draw, Outcome::Cancelled, Duration::ZERO);
        }
        if !in_time && role == AttemptRole::First {
            policy.observe(now, PolicyEvent::TimedOut(Limit::Total));
            return self.end(Finish::TimedOut(Limit::Total));
        }
        self.not_admitted(policy, now, role, Rejected::new(Machine::Bulkhead, Reason::WaitTimedOut));
    }

    /// The deadline has come while attempts are out.
    fn out_of_time<H: Host>(&mut self, policy: &Policy<H>, now: Instant, draw: Draw) {
        policy.observe(now, PolicyEvent::TimedOut(Limit::Total));
        self.abort_flights(policy, now, draw, Outcome::Failure(Failure::Timeout), Latency::Counts);
        self.drop_last();
        self.end(Finish::TimedOut(Limit::Total));
    }

    /// Ends the attempts whose own limits have run out.
    fn expire<H: Host>(&mut self, policy: &Policy<H>, now: Instant, draw: Draw) {
        for slot in 0..self.flights.len() {
            let Some(flight) = self.flights[slot] else { continue };
            let (at, limit) = flight.expiry(policy.timeouts());
            if now < at {
                continue;
            }
            policy.observe(now, PolicyEvent::TimedOut(limit));
            let failure = match limit {
                Limit::Connect | Limit::Tls => Failure::Connect,
                _ => Failure::Timeout,
            };
            self.aborts.push((flight.id, Outcome::Failure(failure)));
            self.failed(policy, now, draw, slot, &Settlement::failure(failure), Last::TimedOut(limit));
        }
    }

    fn expire_body<H: Host>(&mut self, policy: &Policy<H>, now: Instant, draw: Draw) {
        if now < self.expiry(policy) {
            return;
        }
        let limit = if now >= self.progress.deadline { Limit::Total } else { Limit::Idle };
        policy.observe(now, PolicyEvent::TimedOut(limit));
        self.abort_flights(policy, now, draw, Outcome::Failure(Failure::Timeout), Latency::SaysNothing);
        self.step = Step::Ended;
    }
}
