//! Load shedding by queueing delay: it decides which calls to reject when not all can be served.
//!
//! The shedder combines two algorithms:
//!
//! * **Detection of overload:** CoDel (Nichols and Jacobson, *Controlling Queue Delay*, 2012), in the form that
//!   Facebook uses for servers (Maurer, *Fail at Scale*, 2015; folly's `Codel`): a queue is standing when the *least*
//!   delay of an interval stayed above the target. A burst that is worked off has a small least delay and is left
//!   alone.
//! * **Choice of calls:** priorities with cohorts, after WeChat's DAGOR (Zhou et al., *Overload Control for Scaling
//!   WeChat Microservices*, 2018). Calls are ordered by tier and, within a tier, by cohort; a cursor on that order lets
//!   through what lies below it. An interval of overload moves the cursor down past 5 % of what was let through, a calm
//!   one up past 1 % of what came. Since a user's cohort is the same for all calls of a task, tasks are served or
//!   turned away as wholes: at twice the capacity, half of the tasks of two calls succeed, where shedding at random
//!   would leave a quarter. [`Priority::CRITICAL`](crate::Priority::CRITICAL) is never shed.
//!
//! The holder of a queue feeds it with [`Shedder::waited`] as calls leave the queue, and with [`Shedder::standing`] as
//! they join it; and serves the queue as [`Shedder::order`] says: newest first, and nothing older than twice the
//! target, while the queue is standing.
//!
//! ```
//! use plimsoll_policy::{Ask, Draw, Instant, shed::{ShedSpec, Shedder}};
//! # use std::time::Duration;
//! let shedder = Shedder::new(ShedSpec::default());
//! let at = |millis| Instant::ORIGIN + Duration::from_millis(millis);
//! for millis in 1..=101 {
//!     shedder.waited(at(millis), Duration::from_millis(8));
//! }
//! assert!(shedder.overloaded(at(101)), "the least delay of 100 ms was above 5 ms");
//! assert!(!shedder.overloaded(at(400)), "nothing was heard since: it has passed");
//! assert!(shedder.admit(at(400), Ask::default(), Draw::new(7)).is_ok());
//! ```
//!
//! Two things differ from folly's `Codel`. An interval in which no call left the queue does not inherit the delay of
//! the one before: it counts as calm, unless a call was in the queue for all of it; then the queue was standing. And a
//! state that no report renews expires after two intervals. (Besides, folly admits the first call of each interval, and
//! begins the first interval when it is constructed.)
//!
//! # Weaknesses
//! The first cut comes two intervals after the queue began to stand: one to see it, one to count who is coming. From
//! there 2× overload takes 14 intervals to shed to a half; the line's own order and bound cover for it in the meantime.
//! The cursor swings around the right place, some per cent below it on average. Calls of one tier without cohorts are
//! shed at random.
//!
//! # Cost
//! `admit` in calm: one relaxed load. Restricted: three loads and one add on the cohort's counter. `waited`: two
//! loads; a compare-and-swap where the delay is the least so far; and once an interval, for one caller, a pass over 768
//! counters. Nothing blocks. Where a caller is held up in that pass, samples and counts of that moment may fall into
//! the wrong interval. 3.2 KB, allocated once.

mod cursor;
#[cfg(all(test, loom))]
mod loom_tests;
mod spec;
#[cfg(all(test, not(loom)))]
mod tests;

use crate::{
    Ask, Draw, Instant, Machine, Reason, RejectedError,
    bulkhead::QueueOrder,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::nanos,
};
use cursor::{Arrivals, Cursor, KEYS};
pub use spec::*;
use std::time::Duration;

/// The calls admitted after an overloaded interval, relative to those before it.
const FALL: f64 = 0.95;
/// The share of the arriving calls that is admitted in addition after a calm interval.
const RISE: f64 = 0.01;
/// No delay has been reported.
const NONE: u64 = u64::MAX;

/// A snapshot of a shedder.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ShedSnapshot {
    /// Whether the queue is standing.
    pub overloaded: bool,
    /// The share of the calls of the last interval that the cursor would let through, from 0 to 1.
    pub admitted: f64,
    /// The least delay of the last whole interval; `None` where it had none.
    pub least_delay: Option<Duration>,
    /// The thresholds in force.
    pub spec: ShedSpec,
}

/// Sheds by priority and cohort while queues are standing. See the [module](self).
#[derive(Debug)]
#[repr(align(64))]
pub struct Shedder {
    cursor: AtomicU64,
    /// When the running interval ends.
    ends: AtomicU64,
    /// The least delay of it so far.
    least: AtomicU64,
    /// The state holds until then.
    overloaded_until: AtomicU64,
    target: AtomicU64,
    interval: AtomicU64,
    last_least: AtomicU64,
    /// In parts of 2³².
    admitted: AtomicU64,
    arrived: Box<[AtomicU32]>,
}

impl Shedder {
    /// Creates a shedder without reports. It sheds nothing.
    pub fn new(spec: ShedSpec) -> Self {
        Self {
            cursor: AtomicU64::new(Cursor::CALM.0),
            ends: AtomicU64::new(0),
            least: AtomicU64::new(NONE),
            overloaded_until: AtomicU64::new(0),
            target: AtomicU64::new(nanos(spec.target)),
            interval: AtomicU64::new(nanos(spec.interval)),
            last_least: AtomicU64::new(NONE),
            admitted: AtomicU64::new(1 << 32),
            arrived: (0..KEYS).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// Reports a call that has left a queue (a bulkhead's queue, a worker's run queue) after `delay`. Report every
    /// call; one that did not wait has a delay of zero, which shows that the queue is not standing.
    #[inline]
    pub fn waited(&self, now: Instant, delay: Duration) {
        let delay = nanos(delay);
        if now.as_nanos() >= self.ends.load(Relaxed) {
            self.turn(now, delay);
        }
        if delay < self.least.load(Relaxed) {
            self.least.fetch_min(delay, Relaxed);
        }
    }

    /// Reports a queue whose first waiter has been in it for `age` and still is. Report it whenever a call joins the
    /// queue or is rejected by it, since no call leaves a queue that does not move at all.
    ///
    /// It counts if no delay was reported for an interval and the age is at least an interval: the queue was then
    /// standing for all of it. A small age shows nothing, unlike a call that has left.
    #[inline]
    pub fn standing(&self, now: Instant, age: Duration) {
        let age = nanos(age);
        if now.as_nanos() >= self.ends.load(Relaxed) {
            self.turn(now, age);
        }
        if age >= self.interval.load(Relaxed) {
            // A delay that was heard of says more: of two who fill the place at once, the lesser stays.
            let _ = self.least.compare_exchange(NONE, age, Relaxed, Relaxed);
        }
    }

    /// Admits or rejects this call. [`Ask::priority`] and [`Ask::cohort`] decide; `draw` decides only within the one
    /// cohort that is shed in part.
    ///
    /// # Errors
    /// [`Reason::Overloaded`], with the time after which the cursor admits everything again if all intervals from now on
    /// are calm.
    #[inline]
    pub fn admit(&self, now: Instant, ask: Ask, draw: Draw) -> Result<(), RejectedError> {
        if self.admits_all() { Ok(()) } else { self.admit_some(now, ask, draw) }
    }

    /// Whether every call may go on, whatever it asks for: then neither its importance nor a draw need be found out.
    #[inline]
    pub fn admits_all(&self) -> bool {
        self.cursor.load(Relaxed) == Cursor::CALM.0
    }

    #[cold]
    fn admit_some(&self, now: Instant, ask: Ask, draw: Draw) -> Result<(), RejectedError> {
        // Also from here: where nothing is let through, nothing is heard of.
        if now.as_nanos() >= self.ends.load(Relaxed) {
            self.turn(now, 0);
        }
        let key = cursor::key(ask.priority, ask.cohort);
        self.arrived[key].fetch_add(1, Relaxed);
        if Cursor(self.cursor.load(Relaxed)).admits(key, draw) {
            return Ok(());
        }
        let shed = 1.0 - self.admitted();
        let interval = Duration::from_nanos(self.interval.load(Relaxed));
        let back = interval.saturating_mul((shed / RISE).ceil().max(1.0) as u32);
        Err(RejectedError::new(Machine::Shed, Reason::Overloaded).after(back))
    }

    /// Returns whether the queue is standing. This state expires after two intervals without a report.
    #[inline]
    pub fn overloaded(&self, now: Instant) -> bool {
        now.as_nanos() < self.overloaded_until.load(Relaxed)
    }

    /// Returns the order in which the queue is to be served now.
    #[inline]
    pub fn order(&self, now: Instant) -> QueueOrder {
        if self.overloaded(now) {
            let drop_after = Duration::from_nanos(self.target.load(Relaxed).saturating_mul(2));
            QueueOrder::NewestFirst { drop_after }
        } else {
            QueueOrder::OldestFirst
        }
    }

    /// Puts new thresholds in force. The cursor stays; an interval that has begun ends as it would have.
    pub fn update(&self, spec: ShedSpec) {
        self.target.store(nanos(spec.target), Relaxed);
        self.interval.store(nanos(spec.interval), Relaxed);
    }

    /// Returns a snapshot of the shedder.
    pub fn snapshot(&self, now: Instant) -> ShedSnapshot {
        let least = self.last_least.load(Relaxed);
        ShedSnapshot {
            overloaded: self.overloaded(now),
            admitted: self.admitted(),
            least_delay: (least != NONE).then_some(Duration::from_nanos(least)),
            spec: ShedSpec {
                target: Duration::from_nanos(self.target.load(Relaxed)),
                interval: Duration::from_nanos(self.interval.load(Relaxed)),
            },
        }
    }

    fn admitted(&self) -> f64 {
        self.admitted.load(Relaxed) as f64 / (1u64 << 32) as f64
    }

    /// Ends the running interval; of several callers that find it over, one does this. That caller reports a call that
    /// was in the queue for the last `waited` nanoseconds.
    #[cold]
    fn turn(&self, now: Instant, waited: u64) {
        let interval = self.interval.load(Relaxed).max(1);
        let ends = self.ends.load(Relaxed);
        let next = (now + Duration::from_nanos(interval)).as_nanos();
        if now.as_nanos() < ends || self.ends.compare_exchange(ends, next, Relaxed, Relaxed).is_err() {
            return;
        }
        let least = self.least.swap(NONE, Relaxed);
        self.last_least.store(least, Relaxed);
        // No call ended it for as long again: the earlier reports say nothing about the present.
        let silent = (now.as_nanos() - ends) / interval;
        let target = self.target.load(Relaxed);
        let heard = silent == 0 && least != NONE;
        // No call left the queue for an interval, and one was in it all that time: the queue was standing.
        let overloaded = if heard { least > target } else { waited >= interval && waited > target };
        let until =
            if overloaded { (now + Duration::from_nanos(interval.saturating_mul(2))).as_nanos() } else { 0 };
        self.overloaded_until.store(until, Relaxed);
        self.move_cursor(overloaded, 1 + silent);
    }

    fn move_cursor(&self, overloaded: bool, intervals: u64) {
        let cursor = Cursor(self.cursor.load(Relaxed));
        if cursor == Cursor::CALM {
            if overloaded {
                // From here on arrivals are counted, so that the next interval knows what 5 % of them are.
                self.cursor.store(Cursor::ALL.0, Relaxed);
            }
            return;
        }
        let arrivals = Arrivals::take(&self.arrived);
        let (all, through) = (arrivals.all(), arrivals.below(cursor));
        let aim = if overloaded { through * FALL } else { through + all * RISE * intervals as f64 };
        let (next, admitted) = if !overloaded && aim >= all {
            (Cursor::CALM, 1.0)
        } else {
            let next = arrivals.cursor_at(aim);
            (next, if all > 0.0 { arrivals.below(next) / all } else { 1.0 })
        };
        self.cursor.store(next.0, Relaxed);
        self.admitted.store((admitted * (1u64 << 32) as f64) as u64, Relaxed);
    }
}
