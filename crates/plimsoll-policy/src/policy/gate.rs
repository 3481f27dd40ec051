//! Admission and settlement of an attempt: throttle → breaker → adaptive concurrency → bulkhead.

use super::{Host, Policy};
use crate::{
    Admission, Admitted, Ask, Draw, Instant, Machine, Outcome, PolicyEvent, Purpose, Rejected, Seed,
    Settlement, Ticket, Transition,
    breaker::{self, Breaker},
    bulkhead::{self, Bulkhead, Claim, GaveUp, Order},
    call::Facts,
    concurrency,
};
use std::time::Duration;

/// Where the draws of one attempt come from; made only by machines that need them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Luck {
    pub(crate) seed: Seed,
    pub(crate) attempt: u8,
}

impl Luck {
    #[inline]
    const fn draw(self, purpose: Purpose) -> Draw {
        self.seed.draw(purpose, self.attempt)
    }
}

/// What an attempt holds of the machines that let it through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permits {
    breaker: Option<breaker::Permit>,
    concurrency: Option<concurrency::Permit>,
    bulkhead: Option<bulkhead::Permit>,
}

impl Permits {
    const NONE: Self = Self { breaker: None, concurrency: None, bulkhead: None };
}

/// The answer to an attempt that asks to begin.
#[derive(Debug)]
pub(crate) enum Gate {
    Open(Permits),
    /// A place in the bulkhead is waited for; the other permits are held.
    Queued {
        ticket: Ticket,
        until: Instant,
        permits: Permits,
    },
    Refused(Rejected),
}

impl<H: Host> Policy<H> {
    pub(crate) fn admit_attempt(
        &self,
        now: Instant,
        luck: Luck,
        facts: &Facts,
        deadline: Instant,
        may_wait: bool,
    ) -> Gate {
        let mut permits = Permits::NONE;
        match self.climb(now, luck, facts, deadline, &mut permits) {
            Ok(None) => Gate::Open(permits),
            Ok(Some((ticket, until))) if may_wait => Gate::Queued { ticket, until, permits },
            Ok(Some((ticket, _))) => match self.give_up(ticket, now, luck, permits) {
                Some(permits) => Gate::Open(permits),
                None => Gate::Refused(Rejected::new(Machine::Bulkhead, crate::Reason::QueueFull)),
            },
            Err(rejected) => {
                self.give_back(&permits, now, luck);
                Gate::Refused(rejected)
            }
        }
    }

    /// Asks machine by machine; what was given so far is in `permits` whatever comes.
    fn climb(
        &self,
        now: Instant,
        luck: Luck,
        facts: &Facts,
        deadline: Instant,
        permits: &mut Permits,
    ) -> Result<Option<(Ticket, Instant)>, Rejected> {
        if let Some(throttle) = &self.throttle {
            throttle.admit(now, luck.draw(Purpose::Throttle))?;
        }
        if let Some(breaker) = &self.breaker {
            let passage = breaker.admit(now)?;
            if let Some(transition) = passage.transition {
                self.host.on(now, &PolicyEvent::Breaker(transition));
            }
            permits.breaker = Some(passage.permit);
        }
        let ask = Ask { permits: 1, priority: facts.priority, cohort: facts.cohort, deadline };
        if let Some(concurrency) = &self.concurrency {
            match concurrency.admit(now, ask) {
                Admitted::Now(permit) => permits.concurrency = Some(permit),
                Admitted::Refused(rejected) => return Err(rejected),
                Admitted::Queued(..) | Admitted::At(..) => {
                    unreachable!("an adaptive limit has no waiting line")
                }
            }
        }
        let Some(bulkhead) = &self.bulkhead else { return Ok(None) };
        match bulkhead.admit_in(now, ask, self.order(now)) {
            Admitted::Now(permit) => {
                permits.bulkhead = Some(permit);
                // That somebody did not wait is what tells a queue that moves from one that stands.
                self.queue_delay(now, Duration::ZERO);
            }
            Admitted::Refused(rejected) => {
                self.tell_standing(bulkhead, now);
                return Err(rejected);
            }
            Admitted::Queued(ticket, until) => {
                self.tell_standing(bulkhead, now);
                return Ok(Some((ticket, until)));
            }
            Admitted::At(..) => unreachable!("a bulkhead promises no instants"),
        }
        Ok(None)
    }

    /// A line that does not move at all has nobody who leaves it and tells of his wait; whoever joins it does.
    fn tell_standing(&self, bulkhead: &Bulkhead, now: Instant) {
        if let (Some(shed), Some(age)) = (&self.shed, bulkhead.oldest_wait(now)) {
            shed.standing(now, age);
        }
    }

    /// How the bulkhead's line is served: newest first while queues are standing.
    fn order(&self, now: Instant) -> Order {
        self.shed.as_ref().map_or(Order::OldestFirst, |shed| shed.order(now))
    }

    /// The permits of a ticket that was granted; `None` while it was not.
    pub(crate) fn claim(&self, ticket: Ticket, now: Instant, permits: Permits) -> Option<Permits> {
        match self.bulkhead.as_ref()?.claim(ticket, now) {
            Claim::Granted { permit, .. } => Some(Permits { bulkhead: Some(permit), ..permits }),
            Claim::Waiting | Claim::Gone => None,
        }
    }

    /// Leaves the line. `Some`: the place had been granted in the meantime. `None`: whatever else was held is given back.
    pub(crate) fn give_up(
        &self,
        ticket: Ticket,
        now: Instant,
        luck: Luck,
        permits: Permits,
    ) -> Option<Permits> {
        if let Some(GaveUp::AlreadyGranted(permit)) = self.bulkhead.as_ref().map(|line| line.give_up(ticket))
        {
            return Some(Permits { bulkhead: Some(permit), ..permits });
        }
        self.give_back(&permits, now, luck);
        None
    }

    /// The places of an attempt whose turn in the line has come; the breaker is asked again, since it may have opened
    /// meanwhile.
    ///
    /// # Errors
    /// The breaker's rejection; everything has been given back then.
    pub(crate) fn renew(&self, mut permits: Permits, now: Instant) -> Result<Permits, Rejected> {
        let (Some(breaker), Some(permit)) = (&self.breaker, permits.breaker) else { return Ok(permits) };
        match breaker.renew(permit, now) {
            Ok(passage) => {
                if let Some(transition) = passage.transition {
                    self.host.on(now, &PolicyEvent::Breaker(transition));
                }
                permits.breaker = Some(passage.permit);
                Ok(permits)
            }
            Err(rejected) => {
                permits.breaker = None;
                self.release(&permits, now);
                Err(rejected)
            }
        }
    }

    /// The verdict on an attempt, when it is known. Its places are held on.
    #[inline]
    pub(crate) fn judge(
        &self,
        permits: &Permits,
        now: Instant,
        luck: Luck,
        settlement: &Settlement,
        took: Duration,
    ) {
        let outcome = settlement.outcome;
        if let Some(throttle) = &self.throttle {
            throttle.settle(now, outcome);
        }
        if let (Some(concurrency), Some(permit)) = (&self.concurrency, permits.concurrency) {
            concurrency.learn(permit, now, outcome, took);
        }
        if let (Some(breaker), Some(permit)) = (&self.breaker, permits.breaker) {
            let transition = if settlement.provisional {
                provisional(breaker, permit, now, luck, took)
            } else {
                breaker.settle(permit, now, luck.draw(Purpose::Breaker), outcome, took)
            };
            if let Some(transition) = transition {
                self.host.on(now, &PolicyEvent::Breaker(transition));
            }
        }
    }

    /// What became of an attempt after a verdict of success: a failure is added. A success, where the verdict was
    /// provisional, ends the row of failures.
    pub(crate) fn judge_late(&self, permits: &Permits, now: Instant, luck: Luck, outcome: Outcome) {
        if outcome != Outcome::Success {
            if let Some(throttle) = &self.throttle {
                throttle.settle(now, outcome);
            }
            if let (Some(concurrency), Some(permit)) = (&self.concurrency, permits.concurrency) {
                concurrency.learn(permit, now, outcome, Duration::ZERO);
            }
        }
        if let (Some(breaker), Some(permit)) = (&self.breaker, permits.breaker)
            && let Some(transition) = breaker.settle_late(permit, now, luck.draw(Purpose::Breaker), outcome)
        {
            self.host.on(now, &PolicyEvent::Breaker(transition));
        }
    }

    /// The places of an attempt are free again. Once, after its verdict.
    #[inline]
    pub(crate) fn release(&self, permits: &Permits, now: Instant) {
        if let (Some(bulkhead), Some(permit)) = (&self.bulkhead, permits.bulkhead)
            && let Some(ticket) = bulkhead.settle_in(permit, now, self.order(now)).0
        {
            self.host.wake(ticket);
        }
        if let (Some(concurrency), Some(permit)) = (&self.concurrency, permits.concurrency) {
            concurrency.release(permit, now);
        }
    }

    /// The permits of an attempt that came to nothing: no verdict, but a probe's place and all others are free again.
    #[cold]
    pub(crate) fn give_back(&self, permits: &Permits, now: Instant, luck: Luck) {
        if let (Some(breaker), Some(permit)) = (&self.breaker, permits.breaker)
            && let Some(transition) = forget(breaker, permit, now, luck)
        {
            self.host.on(now, &PolicyEvent::Breaker(transition));
        }
        self.release(permits, now);
    }
}

// Out of line, so that the one place where most attempts are settled has the breaker's code to itself.

#[cold]
#[inline(never)]
fn provisional(
    breaker: &Breaker,
    permit: breaker::Permit,
    now: Instant,
    luck: Luck,
    took: Duration,
) -> Option<Transition> {
    breaker.settle_provisional(permit, now, luck.draw(Purpose::Breaker), took)
}

#[cold]
#[inline(never)]
fn forget(breaker: &Breaker, permit: breaker::Permit, now: Instant, luck: Luck) -> Option<Transition> {
    breaker.settle(permit, now, luck.draw(Purpose::Breaker), Outcome::Cancelled, Duration::ZERO)
}
