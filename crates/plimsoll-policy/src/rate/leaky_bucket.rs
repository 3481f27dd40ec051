use super::{
    meter::{Meter, Peek, Take},
    params::RateParams,
    refused,
};
use crate::{
    Admitted, Ask, Instant, Outcome, Reason, RejectedError,
    sync::atomic::AtomicU64,
    units::{Burst, Rate},
};

/// A leaky bucket as a queue: calls leave one by one at a fixed rate, in the order in which they came.
///
/// The machine holds no waiters. Each call gets at once the instant at which it may go ([`Admitted::At`]), so there is
/// no list, no wake-up and no herd that checks and sleeps again: the driver sets one timer. Virtual scheduling, the
/// same algorithm as in [`super::TokenBucket`] with a burst of one (Turner 1986; ITU-T I.371), and as exact.
///
/// At most `queue` calls wait; a call beyond them is refused with the time after which a slot is free, and one that
/// would wait beyond its deadline is refused and takes no slot. A call for `n` permits goes when the first of
/// them is due and occupies the drain for all `n`.
///
/// **Cancellation.** The instants of later calls are fixed. So a waiting call that is settled as
/// [`Outcome::Cancelled`] returns its slot if it is the last in the queue (and then its predecessor can, and so on);
/// elsewhere in the queue its turn passes unused. Known weakness: under many cancellations the drain
/// idles although calls wait, for at most as long as the queue was at the time. Nothing comes back across an update.
///
/// 192 bytes; admit costs as much as a token bucket's, plus one division for a call that waits.
#[derive(Debug)]
pub struct LeakyBucket {
    meter: Meter,
    bucket: AtomicU64,
}

/// A slot in the queue: its time, and the data to return it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    at: Instant,
    permits: u32,
    generation: u64,
    after: u64,
}

impl Slot {
    /// When the call may go.
    pub const fn at(self) -> Instant {
        self.at
    }
}

/// A leaky bucket as seen at one instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueSnapshot {
    /// The rate in force.
    pub rate: Rate,
    /// The most waiting calls.
    pub queue: u32,
    /// The number of waiting calls, including turns that were cancelled and could not be reused.
    pub waiting: u32,
}

impl LeakyBucket {
    /// Creates an empty queue: calls leave at `rate`, and up to `queue` of them wait (at most 2³² − 2).
    pub fn new(rate: Rate, queue: u32, start: Instant) -> Self {
        Self {
            meter: Meter::new(rate, places(queue), start, RateParams::carry_promise),
            bucket: AtomicU64::new(0),
        }
    }

    /// Puts a new rate and queue in force. Instants already promised stand, and calls that come later queue behind the
    /// last of them (36 years over the new rate's reduced count ahead at most); so a faster drain takes effect after
    /// them.
    pub fn update(&self, now: Instant, rate: Rate, queue: u32) {
        self.meter.update(now, rate, places(queue), |carry| carry(&self.bucket));
    }

    /// Returns the slot of a call that will not go. The result is true if it was the last in the queue and so is free
    /// again.
    pub fn cancel(&self, slot: Slot, now: Instant) -> bool {
        now < slot.at && self.meter.undo(slot.generation, &self.bucket, slot.after, slot.permits)
    }

    /// Returns a snapshot of the bucket.
    pub fn snapshot(&self, now: Instant) -> QueueSnapshot {
        let (rate, places) = self.meter.given();
        let free = loop {
            if let Some(Peek { available, .. }) =
                self.meter.peek(&self.meter.params(), &self.bucket, now, 1, || true)
            {
                break available;
            }
        };
        let queue = places.get() - 1;
        QueueSnapshot { rate, queue, waiting: queue - queue.min(free) }
    }

    /// [`Admitted::Now`], or [`Admitted::At`] the instant of its turn. Refused with [`Reason::QueueFull`], or with
    /// [`Reason::DeadlineExceeded`] where its turn would come after `ask.deadline`. A call for zero permits is treated as
    /// one for one; more than fit into an empty queue are refused without a retry time.
    pub fn admit(&self, now: Instant, ask: Ask) -> Admitted<Slot> {
        let permits = ask.permits.max(1);
        loop {
            let params = self.meter.params();
            if permits > params.burst {
                return Admitted::Refused(full());
            }
            if params.far(now) {
                self.meter.set_back(now, |carry| carry(&self.bucket));
            }
            let reading = params.read(now);
            // A bucket above this would come up only after the deadline.
            let latest = params.read(ask.deadline).earned;
            let in_time = |before| before <= latest.max(reading.earned);
            match self.meter.take(&params, &self.bucket, reading, permits, in_time) {
                Take::Taken { before, after } => {
                    let waits = before > reading.earned;
                    let at = if waits { params.when(before) } else { now };
                    let slot = Slot { at, permits, generation: params.generation, after };
                    return if waits { Admitted::At(at, slot) } else { Admitted::Now(slot) };
                }
                Take::Short(target) => {
                    return Admitted::Refused(full().after(params.when(target).since(now)));
                }
                Take::Declined => {
                    return Admitted::Refused(RejectedError {
                        reason: Reason::DeadlineExceeded,
                        ..refused()
                    });
                }
                Take::Stale => {}
            }
        }
    }

    /// Returns the slot of a call that was cancelled before its turn, if it is the last one. Every other outcome
    /// changes nothing.
    pub fn settle(&self, slot: Slot, now: Instant, outcome: Outcome) {
        if !outcome.is_about_peer() {
            self.cancel(slot, now);
        }
    }
}

fn full() -> RejectedError {
    RejectedError { reason: Reason::QueueFull, ..refused() }
}

/// The call that goes and those that wait.
fn places(queue: u32) -> Burst {
    Burst::try_from(queue.saturating_add(1)).unwrap_or(Burst::ONE)
}
