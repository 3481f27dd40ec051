//! Admission and settlement of an attempt: throttle → breaker → adaptive concurrency → bulkhead.

use super::{Driver, Policy};
use crate::{
    Admitted, Ask, Draw, Instant, Machine, Outcome, PolicyEvent, Purpose, RejectedError, Seed, Settlement,
    Ticket, Transition,
    breaker::{self, Breaker},
    bulkhead::{self, Bulkhead, Claim, GaveUp, QueueOrder},
    call::Facts,
    concurrency,
};
use std::time::Duration;

/// The source of one attempt's draws, which are made only by machines that need them.
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

/// The permits that an attempt holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permits {
    breaker: Option<breaker::Permit>,
    concurrency: Option<concurrency::Permit>,
    bulkhead: Option<bulkhead::Permit>,
}

impl Permits {
    const NONE: Self = Self { breaker: None, concurrency: None, bulkhead: None };
}

/// The result of an attempt's admission.
#[derive(Debug)]
pub(crate) enum Gate {
    Open(Permits),
    /// The attempt waits for a permit of the bulkhead, and holds the others.
    Queued {
        ticket: Ticket,
        until: Instant,
        permits: Permits,
    },
    Refused(RejectedError),
}

impl<D: Driver> Policy<D> {
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
                None => Gate::Refused(RejectedError::new(Machine::Bulkhead, crate::Reason::QueueFull)),
            },
            Err(rejected) => {
                self.give_back(&permits, now, luck);
                Gate::Refused(rejected)
            }
        }
    }

    /// Requests admission from one machine after the other. The permits given so far are in `permits` in any case.
    fn climb(
        &self,
        now: Instant,
        luck: Luck,
        facts: &Facts,
        deadline: Instant,
        permits: &mut Permits,
    ) -> Result<Option<(Ticket, Instant)>, RejectedError> {
        if let Some(throttle) = &self.throttle {
            throttle.admit(now, luck.draw(Purpose::Throttle))?;
        }
        if let Some(breaker) = &self.breaker {
            let passage = breaker.admit(now)?;
            if let Some(transition) = passage.transition {
                self.driver.on(now, &PolicyEvent::Breaker(transition));
            }
            permits.breaker = Some(passage.permit);
        }
        let ask = Ask { permits: 1, priority: facts.priority, cohort: facts.cohort, deadline };
        if let Some(concurrency) = &self.concurrency {
            permits.concurrency = Some(concurrency.admit(now, ask)?);
        }
        let Some(bulkhead) = &self.bulkhead else { return Ok(None) };
        match bulkhead.admit_in(now, ask, self.order(now)) {
            Admitted::Now(permit) => {
                permits.bulkhead = Some(permit);
                // Calls that did not wait distinguish a moving queue from a standing one.
                self.queue_delay(now, Duration::ZERO);
            }
            Admitted::Refused(rejected) => {
                self.report_standing(bulkhead, now);
                return Err(rejected);
            }
            Admitted::Queued(ticket, until) => {
                self.report_standing(bulkhead, now);
                return Ok(Some((ticket, until)));
            }
            Admitted::At(..) => unreachable!("a bulkhead promises no instants"),
        }
        Ok(None)
    }

    /// Reports the oldest wait on joining: a queue that does not move at all has no leaver that reports its wait.
    fn report_standing(&self, bulkhead: &Bulkhead, now: Instant) {
        if let (Some(shed), Some(age)) = (&self.shed, bulkhead.oldest_wait(now)) {
            shed.standing(now, age);
        }
    }

    /// Returns the order of the bulkhead's wait queue: newest first while queues are standing.
    fn order(&self, now: Instant) -> QueueOrder {
        self.shed.as_ref().map_or(QueueOrder::OldestFirst, |shed| shed.order(now))
    }

    /// Returns the permits of a ticket that was granted; `None` while it was not.
    pub(crate) fn claim(&self, ticket: Ticket, now: Instant, permits: Permits) -> Option<Permits> {
        match self.bulkhead.as_ref()?.claim(ticket, now) {
            Claim::Granted { permit, .. } => Some(Permits { bulkhead: Some(permit), ..permits }),
            Claim::Waiting | Claim::Gone => None,
        }
    }

    /// Leaves the wait queue. `Some`: a permit had been granted in the meantime. `None`: all other permits are given
    /// back.
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

    /// Confirms the permits of an attempt that has waited: the breaker is asked again, since it may have opened
    /// meanwhile.
    ///
    /// # Errors
    /// The breaker's rejection; everything has been given back then.
    pub(crate) fn renew(&self, mut permits: Permits, now: Instant) -> Result<Permits, RejectedError> {
        let (Some(breaker), Some(permit)) = (&self.breaker, permits.breaker) else { return Ok(permits) };
        match breaker.renew(permit, now) {
            Ok(passage) => {
                if let Some(transition) = passage.transition {
                    self.driver.on(now, &PolicyEvent::Breaker(transition));
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

    /// Reports an attempt's settlement to the machines as soon as it is known. Its permits are still held.
    #[inline]
    pub(crate) fn settle(
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
                self.driver.on(now, &PolicyEvent::Breaker(transition));
            }
        }
    }

    /// Reports the final outcome of an attempt after a success at its head: a failure is added. A success after a
    /// provisional head ends the run of failures.
    pub(crate) fn settle_late(&self, permits: &Permits, now: Instant, luck: Luck, outcome: Outcome) {
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
            self.driver.on(now, &PolicyEvent::Breaker(transition));
        }
    }

    /// Releases the permits of an attempt. Called once, after its settlement.
    #[inline]
    pub(crate) fn release(&self, permits: &Permits, now: Instant) {
        if let (Some(bulkhead), Some(permit)) = (&self.bulkhead, permits.bulkhead)
            && let Some(ticket) = bulkhead.settle_in(permit, now, self.order(now)).0
        {
            self.driver.wake(ticket);
        }
        if let (Some(concurrency), Some(permit)) = (&self.concurrency, permits.concurrency) {
            concurrency.release(permit, now);
        }
    }

    /// Gives back the permits of an attempt that was never sent: no settlement, but all permits, a probe's too, are
    /// free.
    #[cold]
    pub(crate) fn give_back(&self, permits: &Permits, now: Instant, luck: Luck) {
        if let (Some(breaker), Some(permit)) = (&self.breaker, permits.breaker)
            && let Some(transition) = forget(breaker, permit, now, luck)
        {
            self.driver.on(now, &PolicyEvent::Breaker(transition));
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
