use crate::{Draws, ManualClock};
use parking_lot::{Mutex, MutexGuard};
use plimsoll_driver::{BoxSleep, Time, TimeSource};
use plimsoll_policy::{Instant, Seed};
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// Time that passes when it is told to, with timers and seeds. Clones share it.
///
/// ```
/// # use plimsoll_testkit::VirtualTime;
/// # use plimsoll_driver::Alarm;
/// # use std::{pin::pin, task::{Context, Waker}, time::Duration};
/// let virtual_time = VirtualTime::seeded(7);
/// let (time, mut alarm) = (virtual_time.time(), Alarm::default());
/// let until = time.now() + Duration::from_millis(30);
/// let mut wait = pin!(alarm.wait(&time, until));
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(wait.as_mut().poll(&mut cx).is_pending());
/// assert_eq!(virtual_time.next_timer(), Some(until));
/// virtual_time.advance_to(until);
/// assert!(wait.as_mut().poll(&mut cx).is_ready());
/// ```
#[derive(Clone, Debug)]
pub struct VirtualTime(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: ManualClock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The sleepers by wake time, those of one instant in the order in which they began to sleep.
    sleepers: BTreeMap<(Instant, u64), Waker>,
    slept: u64,
    seeds: Draws,
}

impl VirtualTime {
    /// An hour after the origin, with the seeds of this stream.
    pub fn seeded(seed: u64) -> Self {
        let state = State { sleepers: BTreeMap::new(), slept: 0, seeds: Draws::seeded(seed) };
        Self(Arc::new(Shared { clock: ManualClock::new(), state: Mutex::new(state) }))
    }

    /// It, as a driver takes it.
    pub fn time(&self) -> Time {
        Time::from_source(self.clone())
    }

    /// Begins the stream of seeds anew: a driver may have drawn some before its first call.
    pub fn reseed(&self, seed: u64) {
        self.state().seeds = Draws::seeded(seed);
    }

    /// When the next timer is due, if any is set.
    pub fn next_timer(&self) -> Option<Instant> {
        self.state().sleepers.keys().next().map(|(at, _)| *at)
    }

    /// Sets the clock to `now`, unless it is later already, and wakes the timers due by then, the earliest first.
    pub fn advance_to(&self, now: Instant) {
        if now > self.0.clock.now() {
            self.0.clock.set(now);
        }
        loop {
            // One by one, and woken outside the lock: a waker may run code that comes back here.
            let due = {
                let mut state = self.state();
                let first = state.sleepers.first_entry().filter(|first| first.key().0 <= now);
                first.map(std::collections::btree_map::OccupiedEntry::remove)
            };
            let Some(waker) = due else { return };
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }
}

impl TimeSource for VirtualTime {
    fn now(&self) -> Instant {
        self.0.clock.now()
    }

    fn sleep_until(&self, at: Instant) -> BoxSleep {
        Box::pin(Sleep { time: self.clone(), at, number: None })
    }

    fn seed(&self) -> Seed {
        self.state().seeds.next().map_or(Seed::new(0), Seed::from)
    }
}

struct Sleep {
    time: VirtualTime,
    at: Instant,
    /// Under which it is entered.
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.time.now() >= self.at {
            return Poll::Ready(());
        }
        let this = &mut *self;
        let mut state = this.time.state();
        let number = *this.number.get_or_insert_with(|| {
            state.slept += 1;
            state.slept
        });
        state.sleepers.insert((this.at, number), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let _waker = self.time.state().sleepers.remove(&(self.at, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        task::Wake,
        time::Duration,
    };

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn timers_ring_when_they_are_due_and_not_once_they_are_dropped() {
        let time = VirtualTime::seeded(1);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let start = time.now();
        let mut sleeps: Vec<BoxSleep> =
            (1..=3).map(|ms| time.sleep_until(start + Duration::from_millis(ms))).collect();
        assert!(sleeps.iter_mut().all(|sleep| sleep.as_mut().poll(&mut cx).is_pending()));
        drop(sleeps.remove(1));
        time.advance_to(start + Duration::from_millis(2));
        assert_eq!(woken.0.load(SeqCst), 1);
        assert!(sleeps[0].as_mut().poll(&mut cx).is_ready() && sleeps[1].as_mut().poll(&mut cx).is_pending());
        assert_eq!(time.next_timer(), Some(start + Duration::from_millis(3)));
    }

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let seeds = |seed| {
            let time = VirtualTime::seeded(seed);
            [time.seed(), time.seed(), time.seed()]
        };
        assert_eq!(seeds(5), seeds(5));
        assert_ne!(seeds(5), seeds(6));
    }
}
