use super::*;
use crate::{Failure, Machine, Reason};
use proptest::prelude::*;

const FAILURE: Outcome = Outcome::Failure(Failure::Response);

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

/// After two seconds of a hundred calls a second, throttled at their end.
fn throttled() -> AdaptiveRate {
    let rate = AdaptiveRate::new(at(0));
    for millis in (0..2000).step_by(10) {
        rate.settle(at(millis), Outcome::Success);
    }
    rate.settle(at(2000), Outcome::Throttled);
    rate
}

#[test]
fn limits_nothing_before_the_first_throttle() {
    let rate = AdaptiveRate::new(at(0));
    for call in 0..100_000 {
        assert!(rate.admit(at(call / 100)).is_ok());
        rate.settle(at(call / 100), if call % 2 == 0 { Outcome::Success } else { FAILURE });
    }
    let seen = rate.snapshot(at(1000));
    assert_eq!(seen.rate, None);
    assert!(seen.available.abs() < f64::EPSILON && seen.sent > 50_000.0, "{seen:?}");
}

#[test]
fn a_throttle_lowers_the_rate_to_seven_tenths_of_what_is_sent() {
    let rate = throttled();
    let seen = rate.snapshot(at(2000));
    let expected = 0.7 * seen.sent;
    assert!((seen.rate.unwrap() - expected).abs() < 1e-9 && (seen.sent - 100.0).abs() < 2.0, "{seen:?}");
    assert!(rate.admit(at(2000)).is_ok(), "the bucket holds one permit when it is taken up");
    let refused = rate.admit(at(2000)).unwrap_err();
    assert_eq!((refused.by, refused.reason), (Machine::RateLimit, Reason::RateExceeded));
    // Throttled again at once: from the rate in force, since more than that is being sent.
    rate.settle(at(2000), Outcome::Throttled);
    assert!((rate.snapshot(at(2000)).rate.unwrap() - 0.7 * expected).abs() < 1e-9);
}

#[test]
fn the_rate_comes_back_and_goes_beyond_but_not_beyond_twice_what_is_sent() {
    let rate = throttled();
    let mut rates = vec![];
    for millis in (2000..30_000).step_by(10) {
        if rate.admit(at(millis)).is_ok() {
            rate.settle(at(millis), Outcome::Success);
        }
        let seen = rate.snapshot(at(millis));
        assert!(seen.rate.unwrap() <= (2.0 * seen.sent).max(LEAST_FILL) + 1e-9);
        rates.push(seen.rate.unwrap());
    }
    assert!(rates[100] < 100.0 && *rates.last().unwrap() > 190.0, "{} then {:?}", rates[100], rates.last());
}

#[test]
fn what_says_nothing_about_the_peer_changes_nothing() {
    let rate = throttled();
    let before = rate.snapshot(at(2000));
    for outcome in [Outcome::Cancelled, Outcome::Caller, Outcome::Local] {
        rate.settle(at(2000), outcome);
    }
    assert_eq!(rate.snapshot(at(2000)), before);
    rate.settle(at(2400), FAILURE);
    assert_eq!(rate.snapshot(at(2400)).rate, before.rate, "a failure is sent, and no reason to send more");
}

#[test]
fn a_peer_that_throttles_everything_is_still_asked_every_two_seconds() {
    let rate = AdaptiveRate::new(at(0));
    let mut sent = 0;
    for millis in 0..120_000 {
        if rate.admit(at(millis)).is_ok() {
            rate.settle(at(millis), Outcome::Throttled);
            sent += u32::from(millis >= 60_000);
        }
    }
    assert!((29..=31).contains(&sent), "{sent} in a minute");
}

#[test]
fn its_size_is_as_stated() {
    assert_eq!(size_of::<AdaptiveRate>(), 96);
}

/// botocore, in seconds as it counts them: `ClientRateLimiter` with its clocker, calculator and bucket.
struct Botocore {
    enabled: bool,
    last_bucket: f64,
    count: f64,
    measured_rate: f64,
    w_max: f64,
    k: f64,
    last_fail: f64,
    fill_rate: f64,
    max_capacity: f64,
    current_capacity: f64,
    last_timestamp: f64,
}

impl Botocore {
    fn new(now: f64) -> Self {
        Self {
            enabled: false,
            last_bucket: now.floor(),
            count: 0.0,
            measured_rate: 0.0,
            w_max: 0.0,
            k: 0.0,
            last_fail: now,
            fill_rate: 1.0,
            max_capacity: 1.0,
            current_capacity: 0.0,
            last_timestamp: now,
        }
    }

    fn refill(&mut self, now: f64) {
        let fill_amount = (now - self.last_timestamp) * self.fill_rate;
        self.current_capacity = self.max_capacity.min(self.current_capacity + fill_amount);
        self.last_timestamp = now;
    }

    /// How long the call would sleep; only one that need not has taken its permit here.
    fn on_sending_request(&mut self, now: f64) -> f64 {
        if !self.enabled {
            return 0.0;
        }
        self.refill(now);
        if self.current_capacity + ROUNDING >= 1.0 {
            self.current_capacity -= 1.0;
            return 0.0;
        }
        (1.0 - self.current_capacity) / self.fill_rate
    }

    fn on_receiving_response(&mut self, now: f64, throttling: bool) {
        let bucket = (now * 2.0).floor() / 2.0;
        self.count += 1.0;
        if bucket > self.last_bucket {
            let current_rate = self.count / (bucket - self.last_bucket);
            self.measured_rate = current_rate * 0.8 + self.measured_rate * (1.0 - 0.8);
            self.count = 0.0;
            self.last_bucket = bucket;
        }
        let new_rate = if throttling {
            let rate_to_use =
                if self.enabled { self.measured_rate.min(self.fill_rate) } else { self.measured_rate };
            self.w_max = rate_to_use;
            self.k = (self.w_max * (1.0 - 0.7) / 0.4).powf(1.0 / 3.0);
            self.last_fail = now;
            self.enabled = true;
            rate_to_use * 0.7
        } else {
            0.4 * (now - self.last_fail - self.k).powi(3) + self.w_max
        };
        let max_rate = new_rate.min(2.0 * self.measured_rate);
        self.refill(now);
        // Before the first throttle nobody takes from the bucket, and its rate shows nowhere.
        if self.enabled {
            self.fill_rate = max_rate.max(0.5);
            self.max_capacity = if max_rate >= 1.0 { max_rate } else { 1.0 };
            self.current_capacity = self.current_capacity.min(self.max_capacity);
        }
    }
}

proptest! {
    #[test]
    fn decides_as_botocore_does(steps in prop::collection::vec((0u64..200, 0u8..8), 1..600)) {
        let (mut now, start) = (1_000_000u64, at(1_000));
        let (rate, mut botocore) = (AdaptiveRate::new(start), Botocore::new(1.0));
        for (pause, what) in steps {
            now += pause * 1_000_003;
            let instant = start + Duration::from_nanos(now);
            let secs = instant.as_nanos() as f64 / 1e9;
            let sleep = botocore.on_sending_request(secs);
            match rate.admit(instant) {
                Ok(()) => {
                    prop_assert!(sleep <= 0.0, "let through, not after {sleep} s");
                    botocore.on_receiving_response(secs, what == 0);
                    rate.settle(instant, if what == 0 { Outcome::Throttled } else { Outcome::Success });
                }
                Err(refused) => {
                    let wait = refused.retry_after.unwrap().as_secs_f64();
                    prop_assert!((wait - sleep).abs() < 1e-6, "{wait} s, not {sleep} s");
                }
            }
            let seen = rate.snapshot(instant);
            prop_assert!((seen.sent - botocore.measured_rate).abs() <= 1e-6 * seen.sent.max(1.0));
            if let Some(rate) = seen.rate {
                prop_assert!((rate - botocore.fill_rate).abs() <= 1e-6 * rate, "{rate} {}", botocore.fill_rate);
            }
        }
    }

    /// A refusal is right to the microsecond, whatever came before; and a clock that lags gains nothing.
    #[test]
    fn who_comes_back_when_told_is_let_through_and_not_before(
        steps in prop::collection::vec((0u64..700, 0u8..4), 1..200),
    ) {
        let rate = throttled();
        let mut now = 2000;
        for (pause, what) in steps {
            now += pause;
            match what {
                0 => rate.settle(at(now), Outcome::Throttled),
                1 => rate.settle(at(now), Outcome::Success),
                _ => while rate.admit(at(now)).is_ok() {},
            }
            let least = rate.snapshot(at(now)).rate.unwrap();
            prop_assert!(least >= LEAST_FILL);
        }
        while rate.admit(at(now)).is_ok() {}
        let wait = rate.admit(at(now)).unwrap_err().retry_after.unwrap();
        prop_assert!(rate.admit(at(now - 1000)).unwrap_err().retry_after.unwrap() >= wait + Duration::from_secs(1));
        prop_assert!(wait <= Duration::from_secs(2));
        if let Some(early) = wait.checked_sub(Duration::from_micros(1)) {
            prop_assert!(rate.admit(at(now) + early).is_err());
        }
        prop_assert!(rate.admit(at(now) + wait).is_ok());
    }
}
