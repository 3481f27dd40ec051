use super::QueuedBulkhead;
use crate::driver::{now, to_tokio};
use plimsoll_policy::{
    Admitted, Ask, Instant, Machine, Reason, RejectedError, Ticket,
    bulkhead::{Claim, GaveUp, Permit, QueueOrder},
    shed::Shedder,
};
use std::{
    ops::Deref,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};
use tokio::time::{Sleep, sleep_until};

/// The state of a reservation: nothing yet, a ticket in the wait queue, or a permit.
#[derive(Debug)]
enum Hold {
    Nothing,
    Waits { ticket: Ticket, until: Instant, since: Instant },
    Has(Permit),
}

/// A call's reservation at a bulkhead. Dropping it leaves the wait queue, or hands the permit to the next waiter.
///
/// [`BulkheadLayer`](super::BulkheadLayer) makes one for each call. By hand it is for whoever runs calls without a service:
/// [`begin`](Self::begin), then [`poll_permit`](Self::poll_permit) until there is a permit, and drop it when the call is over.
#[derive(Debug)]
pub struct Reservation<H: Deref<Target = QueuedBulkhead>> {
    queue: H,
    shedder: Option<Arc<Shedder>>,
    hold: Hold,
}

impl<H: Deref<Target = QueuedBulkhead>> Reservation<H> {
    /// Asks for a permit at `now`. Without one the call waits, no longer than the bulkhead lets it and not beyond
    /// `deadline`. Waits are reported to `shedder`, whose order the queue then has.
    ///
    /// # Errors
    /// The bulkhead's rejection, where no call may join the queue.
    #[inline]
    pub fn begin(
        queue: H,
        shedder: Option<Arc<Shedder>>,
        now: Instant,
        deadline: Instant,
    ) -> Result<Self, RejectedError> {
        let mut reservation = Self { queue, shedder, hold: Hold::Nothing };
        let ask = Ask { deadline, ..Ask::default() };
        match reservation.queue.bulkhead.admit_in(now, ask, reservation.order(now)) {
            Admitted::Now(permit) | Admitted::At(_, permit) => {
                reservation.waited(now, now);
                reservation.hold = Hold::Has(permit);
            }
            Admitted::Queued(ticket, until) => {
                reservation.report_standing(now);
                reservation.hold = Hold::Waits { ticket, until, since: now };
            }
            Admitted::Refused(rejected) => {
                reservation.report_standing(now);
                return Err(rejected);
            }
        }
        Ok(reservation)
    }

    /// Returns whether it holds a permit.
    #[inline]
    pub fn has_permit(&self) -> bool {
        matches!(self.hold, Hold::Has(_))
    }

    /// Polls until there is a permit. `timer` is this wait's own, made where it is needed.
    ///
    /// # Errors
    /// [`Reason::WaitTimedOut`] once the wait is over.
    ///
    /// # Panics
    /// Where it has to wait outside a tokio runtime with its time driver.
    pub fn poll_permit(
        &mut self,
        timer: &mut Option<Pin<Box<Sleep>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), RejectedError>> {
        if self.wait(cx.waker(), now()) {
            return Poll::Ready(Ok(()));
        }
        let Some(at) = self.until().and_then(to_tokio) else { return Poll::Pending };
        ready!(timer.get_or_insert_with(|| Box::pin(sleep_until(at))).as_mut().poll(cx));
        let rejected = || RejectedError::new(Machine::Bulkhead, Reason::WaitTimedOut);
        Poll::Ready(if self.give_up(now()) { Ok(()) } else { Err(rejected()) })
    }

    /// The end of its wait, while it waits.
    fn until(&self) -> Option<Instant> {
        if let Hold::Waits { until, .. } = self.hold { Some(until) } else { None }
    }

    /// Registers the waker, then asks for the grant: in this order, so that no grant is missed. True with a permit.
    fn wait(&mut self, waker: &Waker, now: Instant) -> bool {
        let Hold::Waits { ticket, since, .. } = self.hold else { return self.has_permit() };
        self.queue.waiters.register(ticket, waker);
        let Claim::Granted { permit, .. } = self.queue.bulkhead.claim(ticket, now) else { return false };
        self.queue.waiters.forget(ticket);
        self.waited(now, since);
        self.hold = Hold::Has(permit);
        true
    }

    /// Ends the wait. True if a permit was granted in that very moment.
    fn give_up(&mut self, now: Instant) -> bool {
        let Hold::Waits { ticket, since, .. } = self.hold else { return self.has_permit() };
        self.hold = Hold::Nothing;
        self.queue.waiters.forget(ticket);
        self.waited(now, since);
        if let GaveUp::AlreadyGranted(permit) = self.queue.bulkhead.give_up(ticket) {
            self.hold = Hold::Has(permit);
        }
        self.has_permit()
    }

    /// Gives the permit back at `now`, to the next waiter if there is one.
    #[inline]
    pub fn end(&mut self, now: Instant) {
        if let Hold::Has(permit) = std::mem::replace(&mut self.hold, Hold::Nothing)
            && let Some(ticket) = self.queue.bulkhead.settle_in(permit, now, self.order(now)).0
        {
            self.queue.waiters.wake(ticket);
        }
    }

    fn order(&self, now: Instant) -> QueueOrder {
        self.shedder.as_ref().map_or(QueueOrder::OldestFirst, |shedder| shedder.order(now))
    }

    /// Reports the oldest wait on joining: a queue that does not move at all has no leaver that reports its wait.
    fn report_standing(&self, now: Instant) {
        if let (Some(shedder), Some(age)) = (&self.shedder, self.queue.bulkhead.oldest_wait(now)) {
            shedder.standing(now, age);
        }
    }

    fn waited(&self, now: Instant, since: Instant) {
        if let Some(shedder) = &self.shedder {
            shedder.waited(now, now.since(since));
        }
    }
}

impl<H: Deref<Target = QueuedBulkhead>> Drop for Reservation<H> {
    #[inline]
    fn drop(&mut self) {
        if matches!(self.hold, Hold::Nothing) {
            return;
        }
        let now = now();
        self.give_up(now);
        self.end(now);
    }
}
