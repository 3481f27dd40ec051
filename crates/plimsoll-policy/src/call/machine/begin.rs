//! Beginning: the call itself, and each of its attempts.

use super::{Attempt, Call, Step};
use crate::{
    AttemptRole, DenyReason, Instant, Limit, Machine, Outcome, PolicyEvent, Reason, Rejected, Seed, Ticket,
    call::{AttemptId, Finish},
    policy::{Gate, Host, Luck, Permits, Policy},
};
use std::time::Duration;

impl Call {
    pub(super) fn start<H: Host>(&mut self, policy: &Policy<H>, now: Instant, seed: Seed) {
        policy.observe(now, PolicyEvent::Call);
        self.seed = seed;
        self.progress.began = now;
        if let Err(rejected) = policy.admit_call(now, seed, &self.facts) {
            return self.refuse(policy, now, rejected);
        }
        let total = policy.timeouts().expiry(Limit::Total, now);
        self.progress.deadline = self.facts.deadline.earliest(total);
        if self.progress.deadline <= now {
            return self.refuse(policy, now, Rejected::new(Machine::Deadline, Reason::DeadlineExceeded));
        }
        policy.deposit(now);
        self.begin(policy, now, AttemptRole::First);
    }

    fn refuse<H: Host>(&mut self, policy: &Policy<H>, now: Instant, rejected: Rejected) {
        policy.observe(now, PolicyEvent::Rejected(rejected));
        self.end(Finish::Refused(rejected));
    }

    /// Asks the machines that see attempts, and begins if they agree.
    pub(super) fn begin<H: Host>(&mut self, policy: &Policy<H>, now: Instant, role: AttemptRole) {
        // A hedge that had to queue would only add to the load it is meant to dodge.
        let may_wait = role != AttemptRole::Hedge;
        let luck = Luck { seed: self.seed, attempt: self.made };
        match policy.admit_attempt(now, luck, &self.facts, self.progress.deadline, may_wait) {
            Gate::Open(permits) => self.launch(policy, now, role, permits),
            Gate::Queued { ticket, until, permits } => {
                let until = until.earliest(self.progress.deadline);
                self.step = Step::Queued { role, ticket, permits, since: now, until };
            }
            Gate::Refused(rejected) => self.not_admitted(policy, now, role, rejected),
        }
    }

    pub(super) fn not_admitted<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        role: AttemptRole,
        rejected: Rejected,
    ) {
        match role {
            AttemptRole::First => self.refuse(policy, now, rejected),
            AttemptRole::Retry => {
                policy.observe(now, PolicyEvent::RetryDenied(DenyReason::Admission));
                self.give_last();
            }
            AttemptRole::Hedge => policy.observe(now, PolicyEvent::HedgeDenied(DenyReason::Admission)),
        }
    }

    fn launch<H: Host>(&mut self, policy: &Policy<H>, now: Instant, role: AttemptRole, permits: Permits) {
        let id = AttemptId(self.made);
        self.made += 1;
        let free = usize::from(self.attempts[0].is_some());
        debug_assert!(self.attempts[free].is_none(), "a hedge is begun only beside one attempt");
        self.attempts[free] = Some(Attempt::new(id, role, now, permits, self.facts.stages));
        self.step = Step::Flying;
        self.launch = Some((id, role));
        if role == AttemptRole::First {
            // Nothing was there before it that it could change.
            policy.observe(now, PolicyEvent::Attempt(role));
            self.progress.tries = 1;
            if self.facts.hedgeable && self.facts.idempotent {
                self.hedge_at = policy.hedge_at(now);
            }
        }
    }

    /// The driver has begun the further attempt that it was told to begin.
    #[cold]
    pub(super) fn confirm<H: Host>(&mut self, policy: &Policy<H>, now: Instant) {
        let Some(role) = self.unconfirmed.take() else { return };
        policy.observe(now, PolicyEvent::Attempt(role));
        if role == AttemptRole::Hedge {
            self.hedged = true;
        } else {
            self.progress.tries += 1;
            // It was kept in case this attempt would not come about.
            self.drop_last();
        }
    }

    /// There was no endpoint for the attempt that was to begin: all is as if nobody had thought of it.
    #[cold]
    pub(super) fn unavailable<H: Host>(&mut self, policy: &Policy<H>, now: Instant, id: AttemptId) {
        let Some(slot) = self.slot_of(id) else { return };
        self.unconfirmed = None;
        let Some(Attempt { role, permits, .. }) = self.attempts[slot].take() else { return };
        if let Some(permits) = permits {
            policy.give_back(&permits, now, Luck { seed: self.seed, attempt: id.0 });
        }
        self.made -= 1;
        match role {
            AttemptRole::First => {
                policy.observe(now, PolicyEvent::Settled(role, Outcome::Cancelled, Duration::ZERO));
                self.refuse(policy, now, Rejected::new(Machine::Balance, Reason::NoEndpoint));
            }
            AttemptRole::Retry => {
                policy.refund(self.progress.withdrawn);
                policy.observe(now, PolicyEvent::RetryDenied(DenyReason::NoEndpoint));
                self.give_last();
            }
            AttemptRole::Hedge => {
                policy.refund_hedge(self.progress.withdrawn);
                policy.observe(now, PolicyEvent::HedgeDenied(DenyReason::NoEndpoint));
            }
        }
    }

    pub(super) fn granted<H: Host>(&mut self, policy: &Policy<H>, now: Instant, granted: Ticket) {
        let Step::Queued { role, ticket, permits, since, .. } = self.step else { return };
        if ticket == granted
            && let Some(permits) = policy.claim(ticket, now, permits)
        {
            policy.waited(now, now.since(since));
            self.come_in(policy, now, role, permits);
        }
    }

    /// A place was waited for and is in hand. The breaker is asked again: it may have opened meanwhile.
    pub(super) fn come_in<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        role: AttemptRole,
        permits: Permits,
    ) {
        match policy.renew(permits, now) {
            Ok(permits) => self.launch(policy, now, role, permits),
            Err(rejected) => self.not_admitted(policy, now, role, rejected),
        }
    }

    pub(super) fn hedge<H: Host>(&mut self, policy: &Policy<H>, now: Instant) {
        self.hedge_at = Instant::FAR;
        if !self.facts.hedgeable || self.attempts.iter().all(Option::is_some) {
            return;
        }
        if policy.withdraw_hedge(now) {
            self.progress.withdrawn = now;
            self.begin(policy, now, AttemptRole::Hedge);
        } else {
            policy.observe(now, PolicyEvent::HedgeDenied(DenyReason::Budget));
        }
    }
}
