//! The begin of the call and of its attempts.

use super::{
    Call,
    state::{CallStage, Queued},
};
use crate::{
    Admitted, AttemptRole, DenyReason, Instant, Limit, Machine, Outcome, PolicyEvent, Reason, RejectedError,
    Seed, Ticket,
    call::{AttemptId, Finish, attempt::Attempt, attempts::Attempts, context::Context},
    policy::{Driver, Gate, Luck, Permits},
};
use std::time::Duration;

impl Call {
    pub(super) fn start<D: Driver>(&mut self, cx: Context<'_, D>, seed: Seed) {
        cx.observe(PolicyEvent::Call);
        self.seed = seed;
        self.progress.began = cx.now;
        if let Err(rejected) = cx.policy.admit_call(cx.now, seed, &self.facts) {
            return self.hold_back(cx, rejected);
        }
        self.admitted(cx);
    }

    #[inline(always)]
    fn admitted<D: Driver>(&mut self, cx: Context<'_, D>) {
        self.progress.deadline = cx.policy.deadline(cx.now, &self.facts);
        if self.progress.deadline <= cx.now {
            return self.refuse(cx, RejectedError::new(Machine::Deadline, Reason::DeadlineExceeded));
        }
        cx.policy.deposit(cx.now);
        self.begin(cx, AttemptRole::First);
    }

    /// Refuses a call that was not admitted at once, or asks a leaky bucket for its turn.
    #[cold]
    #[inline(never)]
    fn hold_back<D: Driver>(&mut self, cx: Context<'_, D>, rejected: RejectedError) {
        let turn = if rejected.by == Machine::RateLimit { cx.policy.turn(cx.now, &self.facts) } else { None };
        match turn.unwrap_or(Admitted::Refused(rejected)) {
            Admitted::Now(_) => self.admitted(cx),
            Admitted::At(_, slot) => {
                self.progress.deadline = cx.policy.deadline(cx.now, &self.facts);
                self.state.move_to_delayed(slot);
            }
            Admitted::Refused(rejected) => self.refuse(cx, rejected),
            Admitted::Queued(..) => unreachable!("a leaky bucket gives no tickets"),
        }
    }

    /// Goes on when the call's turn at the rate limit has come.
    pub(super) fn turn<D: Driver>(&mut self, cx: Context<'_, D>) {
        cx.observe(PolicyEvent::Waited(Machine::RateLimit, cx.now.since(self.progress.began)));
        if cx.now >= self.progress.deadline {
            // The turn was in time, and the driver's timer was not.
            cx.observe(PolicyEvent::TimedOut(Limit::Total));
            return self.end(Finish::TimedOut(Limit::Total));
        }
        cx.policy.deposit(cx.now);
        self.begin(cx, AttemptRole::First);
    }

    fn refuse<D: Driver>(&mut self, cx: Context<'_, D>, rejected: RejectedError) {
        cx.observe(PolicyEvent::Rejected(rejected));
        self.end(Finish::Refused(rejected));
    }

    /// Asks the machines that see attempts for admission, and begins the attempt.
    pub(super) fn begin<D: Driver>(&mut self, cx: Context<'_, D>, role: AttemptRole) {
        // A hedge that had to queue would only add to the load that it is meant to avoid.
        let may_wait = role != AttemptRole::Hedge;
        let luck = Luck { seed: self.seed, attempt: self.progress.made };
        match cx.policy.admit_attempt(cx.now, luck, &self.facts, self.progress.deadline, may_wait) {
            Gate::Open(permits) => self.launch(cx, role, permits),
            Gate::Queued { ticket, until, permits } => {
                let until = until.earliest(self.progress.deadline);
                self.state.move_to_queued(Queued { role, ticket, permits, since: cx.now, until });
            }
            Gate::Refused(rejected) => self.not_admitted(cx, role, rejected),
        }
    }

    pub(super) fn not_admitted<D: Driver>(
        &mut self,
        cx: Context<'_, D>,
        role: AttemptRole,
        rejected: RejectedError,
    ) {
        match role {
            AttemptRole::First => self.refuse(cx, rejected),
            AttemptRole::Retry => {
                cx.observe(PolicyEvent::RetryDenied(DenyReason::Admission));
                self.give_kept();
            }
            AttemptRole::Hedge => cx.observe(PolicyEvent::HedgeDenied(DenyReason::Admission)),
        }
    }

    fn launch<D: Driver>(&mut self, cx: Context<'_, D>, role: AttemptRole, permits: Permits) {
        let id = self.progress.next_id();
        self.attempts.insert(Attempt::new(id, role, cx.now, permits, self.facts.stages));
        self.state.move_to_in_flight();
        self.launch = Some((id, role));
        if role == AttemptRole::First {
            // The first attempt changes nothing that was there before, so it needs no confirmation.
            cx.observe(PolicyEvent::Attempt(role));
            self.progress.tries = 1;
            if self.facts.hedgeable && self.facts.idempotent {
                self.hedge_at = cx.policy.hedge_at(cx.now);
            }
        }
    }

    /// Counts the further attempt that the driver has begun.
    #[cold]
    pub(super) fn confirm<D: Driver>(&mut self, cx: Context<'_, D>) {
        let Some(role) = self.unconfirmed.take() else { return };
        cx.observe(PolicyEvent::Attempt(role));
        if role == AttemptRole::Hedge {
            self.hedged = true;
        } else {
            self.progress.tries += 1;
            // The result was kept in case this attempt could not begin.
            self.attempts.drop_kept();
        }
    }

    /// Undoes the begin of an attempt for which there was no endpoint.
    #[cold]
    pub(super) fn unavailable<D: Driver>(&mut self, cx: Context<'_, D>, id: AttemptId) {
        let Some(slot) = self.attempts.slot_of(id) else { return };
        self.unconfirmed = None;
        let Some(Attempt { role, permits, .. }) = self.attempts.take(slot) else { return };
        if let Some(permits) = permits {
            cx.policy.give_back(&permits, cx.now, Luck { seed: self.seed, attempt: id.0 });
        }
        self.progress.uncount();
        match role {
            AttemptRole::First => {
                cx.observe(PolicyEvent::Settled(role, Outcome::Cancelled, Duration::ZERO));
                self.refuse(cx, RejectedError::new(Machine::Balance, Reason::NoEndpoint));
            }
            AttemptRole::Retry => {
                cx.policy.refund(self.progress.withdrawn);
                cx.observe(PolicyEvent::RetryDenied(DenyReason::NoEndpoint));
                self.give_kept();
            }
            AttemptRole::Hedge => {
                cx.policy.refund_hedge(self.progress.withdrawn);
                cx.observe(PolicyEvent::HedgeDenied(DenyReason::NoEndpoint));
            }
        }
    }

    pub(super) fn granted<D: Driver>(&mut self, cx: Context<'_, D>, granted: Ticket) {
        let &CallStage::Queued(Queued { role, ticket, permits, since, .. }) = self.state.stage() else {
            return;
        };
        if ticket == granted
            && let Some(permits) = cx.policy.claim(ticket, cx.now, permits)
        {
            cx.policy.waited(cx.now, cx.now.since(since));
            self.come_in(cx, role, permits);
        }
    }

    /// Begins an attempt after its wait for a permit. The breaker is asked again: it may have opened meanwhile.
    pub(super) fn come_in<D: Driver>(&mut self, cx: Context<'_, D>, role: AttemptRole, permits: Permits) {
        match cx.policy.renew(permits, cx.now) {
            Ok(permits) => self.launch(cx, role, permits),
            Err(rejected) => self.not_admitted(cx, role, rejected),
        }
    }

    pub(super) fn hedge<D: Driver>(&mut self, cx: Context<'_, D>) {
        self.hedge_at = Instant::FAR;
        if !self.facts.hedgeable || self.attempts.in_flight() == Attempts::SLOTS {
            return;
        }
        if cx.policy.withdraw_hedge(cx.now) {
            self.progress.withdrawn = cx.now;
            self.begin(cx, AttemptRole::Hedge);
        } else {
            cx.observe(PolicyEvent::HedgeDenied(DenyReason::Budget));
        }
    }
}
