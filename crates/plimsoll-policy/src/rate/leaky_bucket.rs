use super::{
    TokenBucket,
    meter::{Meter, Peek, Take},
    params::RateParams,
    refused,
};
use crate::{
    Admitted, Ask, Instant, Outcome, Reason, RejectedError,
    sync::atomic::AtomicU64,
    units::{Burst, Rate},
};
use std::{cell::Cell, time::Duration};

/// A leaky bucket as a queue: calls leave one by one at a fixed rate, in the order in which they came.
///
/// The machine holds no waiters. Each call gets at once the instant at which it may go ([`Admitted::At`]), so there is
/// no list, no wake-up and no herd that checks and sleeps again: the driver sets one timer. Virtual scheduling, the
/// same algorithm as in [`super::TokenBucket`] with a burst of one (Turner 1986; ITU-T I.371), and as exact.
///
/// At most `queue` calls wait; a call beyond them is refused with the time after which a slot is free. A call whose turn
/// would not come before its deadline is refused and takes no slot. A call for `n` permits goes when the first
/// of them is due and occupies the drain for all `n`.
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
    /// How long a call that came then would wait; a full queue does not take it before one slot is free.
    pub wait: Duration,
}

impl LeakyBucket {
    /// Creates an empty queue: calls leave at `rate`, and up to `queue` of them wait (at most 2³² − 2).
    pub fn new(rate: Rate, queue: u32, start: Instant) -> Self {
        Self {
            meter: Meter::new(rate, places(queue), start, RateParams::carry_promise),
            bucket: AtomicU64::new(0),
        }
    }

    /// Puts a new rate and queue in force. Instants already promised stand, and calls that come later queue behind
    /// the last of them (36 years over the new rate's reduced count ahead at most); so a drain made faster is felt once
    /// those before have gone. Until then their turns take up the time of so many more: calls that do not fit behind them
    /// into `queue` at the new rate are refused.
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
        loop {
            let params = self.meter.params();
            // All places are free when the last turn has come, which is when the next call would go.
            let Some(Peek { available, wait }) =
                self.meter.peek(&params, &self.bucket, now, params.burst, || true)
            else {
                continue;
            };
            let queue = places.get() - 1;
            let waiting = queue - queue.min(available);
            return QueueSnapshot { rate, queue, waiting, wait: wait.unwrap_or_default() };
        }
    }

    /// [`Admitted::Now`], or [`Admitted::At`] the instant of its turn. Refused with [`Reason::QueueFull`], or with
    /// [`Reason::RateExceeded`] where its turn would not come before `ask.deadline`; both with the time after which the
    /// same ask, its deadline as far ahead, would be granted if nobody else asks before. An ask for zero permits is taken
    /// as one for one; more than fit into an empty queue are refused without a retry time.
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
            // The turn of a bucket above this comes at the deadline or later.
            let latest = params.read(ask.deadline - Duration::from_nanos(1)).earned;
            let found = Cell::new(0);
            let in_time = |before| {
                found.set(before);
                now < ask.deadline && before <= latest
            };
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
                    let turn = params.when(found.get());
                    let in_time = turn.since(ask.deadline) + Duration::from_nanos(1);
                    let has_room = params
                        .charge(found.get(), reading, permits)
                        .map_or_else(|target| params.when(target).since(now), |_| Duration::ZERO);
                    return Admitted::Refused(refused().after(in_time.max(has_room)));
                }
                Take::Stale => {}
            }
        }
    }

    /// Continues a token bucket, before this one is used: the permits that it gave out and that have not been earned back
    /// are turns that have still to pass.
    pub(super) fn take_over(&self, from: &TokenBucket) {
        let (meter, bucket) = from.parts();
        self.meter.take_over(&self.bucket, meter, bucket);
    }

    pub(super) const fn parts(&self) -> (&Meter, &AtomicU64) {
        (&self.meter, &self.bucket)
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
