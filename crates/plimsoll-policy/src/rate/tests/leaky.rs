//! The leaky bucket: its turns, beside a queue that is written out, and beside the token bucket.

use super::*;
use crate::{Admitted, Ask, Draw, Outcome, Reason};

fn ask(deadline: Instant) -> Ask {
    Ask { deadline, ..Ask::default() }
}

#[test]
fn a_shaper_sends_calls_on_evenly_and_in_order() {
    let shaper = LeakyBucket::new(rate("10/s"), 3, Instant::ORIGIN);
    let now = at(SECOND);
    assert!(matches!(shaper.admit(now, Ask::default()), Admitted::Now(_)));
    for place in 1..=3 {
        let Admitted::At(when, slot) = shaper.admit(now, Ask::default()) else { panic!("{place}") };
        assert_eq!(when, at(SECOND + place * SECOND / 10));
        assert_eq!(slot.at(), when);
    }
    let Admitted::Refused(full) = shaper.admit(now, Ask::default()) else { panic!("full") };
    assert_eq!((full.reason, full.retry_after), (Reason::QueueFull, Some(Duration::from_millis(100))));
    let snapshot = shaper.snapshot(now);
    assert_eq!((snapshot.waiting, snapshot.wait), (3, Duration::from_millis(400)));
    assert_eq!(shaper.snapshot(at(SECOND + SECOND / 10)).waiting, 2);
}

#[test]
fn a_shaper_takes_no_place_for_a_call_that_would_come_too_late() {
    let shaper = LeakyBucket::new(rate("10/s"), 3, Instant::ORIGIN);
    assert!(matches!(shaper.admit(at(5), ask(at(5))), Admitted::Refused(_)));
    assert!(matches!(shaper.admit(at(5), ask(at(6))), Admitted::Now(_)));
    let Admitted::Refused(late) = shaper.admit(at(5), ask(at(4 + SECOND / 10))) else { panic!("late") };
    assert_eq!((late.reason, late.retry_after), (Reason::RateExceeded, Some(Duration::from_nanos(2))));
    let due = at(5 + SECOND / 10);
    assert!(
        matches!(shaper.admit(at(5), ask(due)), Admitted::Refused(_)),
        "at its deadline nobody waits for it"
    );
    let later = due + Duration::from_nanos(1);
    assert!(matches!(shaper.admit(at(5), ask(later)), Admitted::At(when, _) if when == due));
}

#[test]
fn the_last_in_the_queue_can_give_its_place_back() {
    let shaper = LeakyBucket::new(rate("10/s"), 3, Instant::ORIGIN);
    let now = at(0);
    let settle = |slot| shaper.settle(slot, now, Outcome::Cancelled);
    let _ = shaper.admit(now, Ask::default());
    let Admitted::At(_, second) = shaper.admit(now, Ask::default()) else { panic!() };
    let Admitted::At(third_at, third) = shaper.admit(now, Ask::default()) else { panic!() };
    assert!(!shaper.cancel(second, now), "the third has been told its instant");
    settle(third);
    assert!(matches!(shaper.admit(now, Ask::default()), Admitted::At(when, _) if when == third_at));
    assert!(!shaper.cancel(third, third_at), "its turn has come");
}

#[test]
fn a_faster_drain_overtakes_nobody() {
    let shaper = LeakyBucket::new(rate("1/s"), 3, Instant::ORIGIN);
    let _ = shaper.admit(at(0), Ask::default());
    let Admitted::At(promised, slot) = shaper.admit(at(0), Ask::default()) else { panic!() };
    shaper.update(at(0), rate("1000/s"), 10_000);
    let Admitted::At(next, _) = shaper.admit(at(0), Ask::default()) else { panic!() };
    assert_eq!((promised, next), (at(SECOND), at(2 * SECOND)));
    assert!(!shaper.cancel(slot, at(0)));
}

#[test]
fn a_change_of_shape_keeps_what_was_used() {
    let limiter = |shape, now| {
        let spec = RateLimitSpec { burst: burst(10), shape, ..RateLimitSpec::new(rate("10/s")) };
        RateLimiter::new(&spec, now, Draw::new(1))
    };
    let token = limiter(RateShape::TokenBucket, Instant::ORIGIN);
    (0..6).for_each(|_| token.admit(at(SECOND), None).unwrap());
    // One has come back. Five are still out, and have to drain first.
    let now = at(SECOND + SECOND / 10);
    let leaky = limiter(RateShape::LeakyBucket, now);
    leaky.take_over(&token);
    let Admitted::At(turn, _) = leaky.leaky_bucket().unwrap().admit(now, Ask::default()) else { panic!() };
    assert_eq!(turn, now + Duration::from_millis(500));
    let back = limiter(RateShape::TokenBucket, now);
    back.take_over(&leaky);
    assert!(matches!(back.snapshot(now), RateSnapshot::All(bucket) if bucket.available == 4));
}

/// A queue with a list of its turns, in whole numbers: time in `1 / count` of a nanosecond, so that turns are `period` of
/// them apart.
struct Naive {
    count: i128,
    period: i128,
    queue: usize,
    turns: Vec<i128>,
}

#[derive(PartialEq, Eq, Debug)]
enum Turn {
    /// Goes at this nanosecond.
    Goes(u64),
    /// Refused, and to come back after so many nanoseconds.
    Full(u64),
    Late(u64),
}

impl Naive {
    fn new(rate: Rate, queue: u32) -> Self {
        let period = rate.period().as_nanos() as i128;
        Self { count: rate.count().into(), period, queue: queue as usize, turns: Vec::new() }
    }

    /// The first whole nanosecond at or after this time.
    fn nanos(&self, time: i128) -> u64 {
        (time.div_euclid(self.count) + i128::from(time.rem_euclid(self.count) > 0)) as u64
    }

    fn ask(&mut self, now: u64, deadline: u64) -> Turn {
        let at = i128::from(now) * self.count;
        let next = self.turns.last().map_or(at, |last| at.max(last + self.period));
        let waiting = self.turns.iter().filter(|turn| self.nanos(**turn) > now).count();
        let full = (next > at && waiting >= self.queue)
            .then(|| self.nanos(next - self.queue as i128 * self.period) - now);
        if self.nanos(next).max(now) >= deadline {
            return Turn::Late((self.nanos(next) - deadline + 1).max(full.unwrap_or(0)));
        }
        if let Some(after) = full {
            return Turn::Full(after);
        }
        self.turns.push(next);
        Turn::Goes(self.nanos(next))
    }

    /// Whether the call with the turn of this number gives it back.
    fn cancel(&mut self, number: usize, now: u64) -> bool {
        let last = number + 1 == self.turns.len() && self.nanos(self.turns[number]) > now;
        if last {
            self.turns.pop();
        }
        last
    }
}

proptest! {
    #[test]
    fn as_a_queue_that_is_written_out(
        rate in rates(),
        queue in 0u32..20,
        start in 0u64..1 << 48,
        steps in prop::collection::vec(
            (prop_oneof![Just(0.0), 0.0..2.0, 0.0..30.0], prop::option::of(0.0..25.0), any::<prop::sample::Index>(), 0u32..10),
            1..60,
        ),
    ) {
        let (bucket, mut naive) = (LeakyBucket::new(rate, queue, Instant::ORIGIN), Naive::new(rate, queue));
        let interval = rate.period().as_nanos() as f64 / f64::from(rate.count());
        let (mut now, mut slots) = (start, Vec::<(usize, Slot)>::new());
        for (step, patience, which, chance) in steps {
            now += (step * interval) as u64;
            // Of those that have a turn, one in three of the times one leaves.
            if chance < 3 && !slots.is_empty() {
                let (number, slot) = slots.swap_remove(which.index(slots.len()));
                prop_assert_eq!(bucket.cancel(slot, at(now)), naive.cancel(number, now));
                continue;
            }
            let deadline = patience.map_or(u64::MAX, |patience| now + (patience * interval) as u64);
            let told = match bucket.admit(at(now), ask(at(deadline))) {
                Admitted::Now(slot) => {
                    slots.push((naive.turns.len(), slot));
                    Turn::Goes(now)
                }
                Admitted::At(when, slot) => {
                    prop_assert!(when > at(now) && when == slot.at());
                    slots.push((naive.turns.len(), slot));
                    Turn::Goes(when.as_nanos())
                }
                Admitted::Refused(refused) => {
                    let after = refused.retry_after.unwrap().as_nanos() as u64;
                    if refused.reason == Reason::QueueFull { Turn::Full(after) } else { Turn::Late(after) }
                }
                Admitted::Queued(..) => unreachable!(),
            };
            prop_assert_eq!(told, naive.ask(now, deadline));
            let waiting = naive.turns.iter().filter(|turn| naive.nanos(**turn) > now).count();
            prop_assert_eq!(bucket.snapshot(at(now)).waiting as usize, waiting);
        }
    }

    /// The shape decides when calls go, not which: whatever changes there are from one to the other.
    #[test]
    fn refuses_the_calls_that_a_token_bucket_refuses(
        power in 0u32..40,
        size in 1u32..20,
        start in 0u64..1 << 48,
        steps in prop::collection::vec((prop_oneof![Just(0.0), 0.0..2.0, 0.0..30.0], any::<bool>()), 1..60),
    ) {
        // Of a power of two, a change of machines has nothing to round.
        let rate = Rate::new(1, Duration::from_nanos(1 << power)).unwrap();
        let spec = RateLimitSpec { burst: burst(size), ..RateLimitSpec::new(rate) };
        let token = TokenBucket::new(rate, spec.burst, Instant::ORIGIN);
        let mut limiter = RateLimiter::new(&spec, Instant::ORIGIN, Draw::new(1));
        let interval = rate.period().as_nanos() as f64 / f64::from(rate.count());
        let mut now = start;
        for (step, leaky) in steps {
            now += (step * interval) as u64;
            let shape = if leaky { RateShape::LeakyBucket } else { RateShape::TokenBucket };
            let spec = RateLimitSpec { shape, ..spec.clone() };
            if !limiter.update(at(now), &spec) {
                let other = RateLimiter::new(&spec, at(now), Draw::new(1));
                other.take_over(&limiter);
                limiter = other;
            }
            let found = match limiter.leaky_bucket().map(|bucket| bucket.admit(at(now), Ask::default())) {
                None => limiter.admit(at(now), None).map_err(|refused| refused.retry_after),
                Some(Admitted::Refused(refused)) => Err(refused.retry_after),
                Some(_) => Ok(()),
            };
            prop_assert_eq!(found, token.admit(at(now), 1).map_err(|refused| refused.retry_after));
        }
    }

    #[test]
    fn a_shaper_keeps_its_distance(rate in rates(), queue in 0u32..20, steps in steps()) {
        let shaper = LeakyBucket::new(rate, queue, Instant::ORIGIN);
        let interval = rate.period().as_nanos() as f64 / f64::from(rate.count());
        let (mut now, mut gone) = (0u64, Vec::<u64>::new());
        for (step, calls) in steps {
            now += (step * interval) as u64;
            for _ in 0..calls {
                let when = match shaper.admit(at(now), Ask::default()) {
                    Admitted::Now(_) => now,
                    Admitted::At(when, _) => when.as_nanos(),
                    Admitted::Refused(_) => {
                        prop_assert!(gone.iter().filter(|when| **when > now).count() >= queue as usize);
                        continue;
                    }
                    Admitted::Queued(..) => unreachable!(),
                };
                prop_assert!(when >= now && gone.last().is_none_or(|last| *last <= when));
                gone.push(when);
                prop_assert!(gone.iter().filter(|when| **when > now).count() <= queue as usize);
            }
        }
        for (first, from) in gone.iter().enumerate() {
            for (last, to) in gone.iter().enumerate().skip(first) {
                // A turn is told in whole nanoseconds, rounded up: two may be one nanosecond closer than ideal.
                let room = u128::from(to - from + 1) * u128::from(rate.count());
                prop_assert!((last - first) as u128 * rate.period().as_nanos() <= room);
            }
        }
    }
}
