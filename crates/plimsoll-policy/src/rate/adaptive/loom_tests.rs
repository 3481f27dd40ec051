//! Every interleaving of calls that end together, and of the first throttle with a call that asks.

use super::*;
use loom::{sync::Arc, thread};

const NOW: Instant = Instant::from_nanos(100);
const NEXT: Instant = Instant::from_nanos(600_000_000);

#[test]
fn loom_no_call_that_was_sent_is_lost() {
    loom::model(|| {
        let rate = Arc::new(AdaptiveRate::new(Instant::ORIGIN));
        rate.settle(NOW, Outcome::Success);
        let other = {
            let rate = rate.clone();
            thread::spawn(move || rate.settle(NOW, Outcome::Success))
        };
        rate.settle(NEXT, Outcome::Success);
        other.join().unwrap();
        // The other one came in time for the bucket that is over, or it is in the next.
        let first = rate.sent.rate();
        rate.settle(NEXT + Duration::from_millis(500), Outcome::Success);
        let mixed = |one: f64, two: f64| 0.8 * 2.0 * two + 0.2 * (0.8 * 2.0 * one);
        let both = rate.sent.rate();
        let split = if first > 4.0 { mixed(3.0, 1.0) } else { mixed(2.0, 2.0) };
        assert!((both - split).abs() < 1e-9, "{first} then {both}");
    });
}

#[test]
fn loom_after_the_first_throttle_there_is_one_permit_for_two() {
    loom::model(|| {
        let rate = Arc::new(AdaptiveRate::new(Instant::ORIGIN));
        rate.settle(NEXT, Outcome::Throttled);
        let now = NEXT + Duration::from_secs(2);
        let other = {
            let rate = rate.clone();
            thread::spawn(move || rate.admit(now).is_ok())
        };
        let here = rate.admit(now).is_ok();
        assert!(here != other.join().unwrap());
    });
}

#[test]
fn loom_whoever_sees_the_limit_sees_its_rate() {
    loom::model(|| {
        let rate = Arc::new(AdaptiveRate::new(Instant::ORIGIN));
        let other = {
            let rate = rate.clone();
            thread::spawn(move || rate.settle(NEXT, Outcome::Throttled))
        };
        let _ = rate.admit(NEXT);
        let passed = rate.admit(NEXT);
        // Refused only by a bucket that has been set up: at its least rate, for hardly anything was sent.
        if let Err(refused) = passed {
            assert!(refused.retry_after.unwrap() <= Duration::from_secs(2));
        }
        other.join().unwrap();
        assert!(rate.snapshot(NEXT).rate.is_some());
    });
}
