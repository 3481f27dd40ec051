use super::*;
use crate::rate::TokenBucket;
use proptest::prelude::*;
use std::{collections::HashMap, time::Duration};

fn limiter(rate: &str, burst: u32, keys: u32) -> KeyedLimiter {
    let keys = NonZeroU32::new(keys).unwrap();
    KeyedLimiter::new(
        rate.parse().unwrap(),
        Burst::try_from(burst).unwrap(),
        keys,
        Instant::ORIGIN,
        Draw::new(7),
    )
}

fn at(millis: u64) -> Instant {
    Instant::ORIGIN + Duration::from_millis(millis)
}

#[test]
fn keys_are_counted_apart() {
    let limiter = limiter("1/s", 2, 100);
    let (a, b) = (limiter.hash(b"a"), limiter.hash(b"b"));
    assert!(limiter.admit(at(0), a, 2).is_ok());
    assert_eq!(limiter.admit(at(0), a, 1).unwrap_err().retry_after, Some(Duration::from_secs(1)));
    assert!(limiter.admit(at(0), b, 1).is_ok());
    assert_eq!(limiter.peek(at(0), b, 2), Peek { available: 1, wait: Some(Duration::from_secs(1)) });
    limiter.refund(b, 5);
    assert_eq!(limiter.peek(at(0), b, 2), Peek { available: 2, wait: Some(Duration::ZERO) });
    assert_eq!(limiter.len(), 2);
}

#[test]
fn what_can_never_be_granted_is_not_remembered() {
    let limiter = limiter("1/s", 2, 100);
    let key = limiter.hash(b"a");
    assert_eq!(limiter.admit(at(0), key, 3).unwrap_err().retry_after, None);
    assert!(limiter.admit(at(0), key, 0).is_ok());
    assert_eq!(limiter.peek(at(0), key, 1).available, 2);
    limiter.refund(key, 1);
    assert!(limiter.is_empty());
}

#[test]
fn the_marks_of_a_slot_are_no_keys() {
    let limiter = limiter("1/h", 1, 100);
    for hash in [0, 1] {
        assert!(limiter.admit(at(0), KeyHash(hash), 1).is_ok());
        assert!(limiter.admit(at(0), KeyHash(hash), 1).is_err());
    }
}

#[test]
fn memory_is_bounded_whatever_keys_come() {
    let limiter = limiter("1/h", 3, 1000);
    for key in 0..100_000u32 {
        assert!(limiter.admit(at(0), limiter.hash(&key.to_le_bytes()), 1).is_ok());
    }
    assert_eq!(limiter.capacity(), 1000);
    assert_eq!(limiter.len(), 1000);
    assert_eq!(limiter.evictions(), 99_000);
    let snapshot = limiter.snapshot();
    assert_eq!((snapshot.keys, snapshot.capacity, snapshot.evictions), (1000, 1000, 99_000));
}

#[test]
fn nothing_is_evicted_below_six_tenths() {
    let limiter = limiter("1/h", 1, 65_536);
    for key in 0..65_536u32 * 6 / 10 {
        assert!(limiter.admit(at(0), limiter.hash(&key.to_le_bytes()), 1).is_ok());
    }
    assert_eq!(limiter.evictions(), 0);
}

#[test]
fn what_is_full_again_goes_first() {
    let limiter = limiter("1/s", 10, 80);
    let keys: Vec<_> = (0u32..800).map(|key| limiter.hash(&key.to_le_bytes())).collect();
    let mut filled = keys.iter();
    while limiter.len() < limiter.capacity() {
        limiter.admit(at(0), *filled.next().unwrap(), 1).unwrap();
    }
    let before = limiter.evictions();
    for key in filled.take(40) {
        limiter.admit(at(1000), *key, 1).unwrap();
    }
    assert_eq!(limiter.evictions(), before, "after a second every old bucket was full again");
}

#[test]
fn spraying_keys_does_not_erase_an_offender() {
    let limiter = limiter("1/s", 100, 800);
    let offender = limiter.hash(b"offender");
    assert!(limiter.admit(at(0), offender, 100).is_ok());
    for key in 0..50_000u32 {
        let _ = limiter.admit(at(0), limiter.hash(&key.to_le_bytes()), 1 + key % 50);
    }
    assert!(limiter.evictions() > 0);
    assert!(limiter.admit(at(0), offender, 1).is_err());
}

#[test]
fn an_update_carries_every_key_over() {
    let limiter = limiter("1/s", 10, 1000);
    let keys: Vec<_> = (0u32..500).map(|key| limiter.hash(&key.to_le_bytes())).collect();
    for key in &keys {
        limiter.admit(at(0), *key, 9).unwrap();
    }
    for (rate, expected) in [("1/h", 1), ("1000000/s", 1), ("2/s", 3)] {
        limiter.update(at(0), rate.parse().unwrap(), Burst::try_from(expected + 9).unwrap());
        for key in &keys {
            assert_eq!(limiter.peek(at(0), *key, 1).available, expected);
        }
    }
    assert_eq!(limiter.peek(at(500), keys[0], 1).available, 4);
}

#[test]
fn weeks_pass() {
    let limiter = limiter("7/s", 7, 100);
    let (key, quiet) = (limiter.hash(b"a"), limiter.hash(b"b"));
    limiter.admit(at(0), quiet, 7).unwrap();
    for day in 1..100 {
        assert!(limiter.admit(at(day * 86_400_000), key, 7).is_ok());
        assert!(limiter.admit(at(day * 86_400_000), key, 1).is_err());
    }
    assert!(limiter.admit(at(100 * 86_400_000), quiet, 7).is_ok());
}

proptest! {
    /// Below capacity the table is not there: every key has a bucket of its own.
    #[test]
    fn as_independent_buckets(
        asks in prop::collection::vec((0u64..400, 0u8..40, 1u32..6, 0u8..10), 1..300),
        other in 0usize..300,
    ) {
        let limiter = limiter("7/s", 5, 100);
        let mut model = HashMap::new();
        let (mut now, mut params) = (0, ("7/s", 5));
        for (index, (step, key, permits, what)) in asks.into_iter().enumerate() {
            now += step;
            if index == other {
                params = ("90/m", 8);
                let (rate, burst) = (params.0.parse().unwrap(), Burst::try_from(params.1).unwrap());
                limiter.update(at(now), rate, burst);
                for bucket in model.values() {
                    TokenBucket::update(bucket, at(now), rate, burst);
                }
            }
            let hash = limiter.hash(&[key]);
            let bucket = model.entry(key).or_insert_with(|| {
                TokenBucket::new(params.0.parse().unwrap(), Burst::try_from(params.1).unwrap(), Instant::ORIGIN)
            });
            match what {
                0 => {
                    limiter.refund(hash, permits);
                    bucket.refund(permits);
                }
                1 => prop_assert_eq!(limiter.peek(at(now), hash, permits), bucket.peek(at(now), permits)),
                _ => prop_assert_eq!(limiter.admit(at(now), hash, permits), bucket.admit(at(now), permits)),
            }
        }
        prop_assert_eq!(limiter.evictions(), 0);
        prop_assert!(limiter.len() <= model.len());
    }

    /// No key ever gets more than its burst and rate, plus its burst once more for each eviction.
    #[test]
    fn over_capacity_no_key_gains_more_than_a_burst_an_eviction(
        asks in prop::collection::vec((0u64..50, 0u8..60), 1..400),
    ) {
        let limiter = limiter("2/s", 3, 8);
        let (mut now, mut admitted) = (0, HashMap::<u8, u64>::new());
        for (step, key) in asks {
            now += step;
            *admitted.entry(key).or_default() += u64::from(limiter.admit(at(now), limiter.hash(&[key]), 1).is_ok());
        }
        let most = admitted.values().max().copied().unwrap_or(0);
        prop_assert!(most <= 3 * (1 + limiter.evictions()) + now / 500);
        prop_assert!(limiter.len() <= limiter.capacity());
    }
}
