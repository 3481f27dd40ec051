//! Under loom a set has two slots and all keys share one stripe.
use super::*;
use crate::rate::loom_tests::race;
use std::time::Duration;

const NOW: Instant = Instant::from_nanos(5);
const A: KeyHash = KeyHash(0xA000_0000_0000_000A);
const B: KeyHash = KeyHash(0xB000_0000_0000_000B);
const C: KeyHash = KeyHash(0xC000_0000_0000_000C);

/// One set of two slots, with so much taken by A and B.
fn limiter(burst: u32, a: u32, b: u32) -> KeyedLimiter {
    let burst = Burst::try_from(burst).unwrap();
    let limiter = KeyedLimiter::new(rate(1), burst, NonZeroU32::MIN, NOW, Draw::new(1));
    limiter.admit(NOW, A, a).unwrap();
    limiter.admit(NOW, B, b).unwrap();
    limiter
}

fn rate(count: u32) -> Rate {
    Rate::new(count, Duration::from_hours(1)).unwrap()
}

fn asked(limiter: &KeyedLimiter, key: KeyHash, permits: u32) -> u32 {
    u32::from(limiter.admit(NOW, key, permits).is_ok())
}

fn left(limiter: &KeyedLimiter, key: KeyHash) -> u32 {
    limiter.peek(NOW, key, 1).available
}

#[test]
fn loom_two_who_bring_the_same_key_share_its_bucket() {
    let bring = |limiter: &KeyedLimiter| asked(limiter, A, 1) + asked(limiter, A, 1);
    race(
        || limiter(3, 0, 0),
        bring,
        bring,
        |limiter, one, other| {
            assert_eq!(one + other, 3);
            assert_eq!(limiter.len(), 1);
        },
    );
}

#[test]
fn loom_a_takeover_charges_nobody_for_another() {
    race(
        || limiter(5, 1, 4),
        // C displaces A while A is spending; A may come back as a new key, and then displaces the emptier of the two.
        |limiter| asked(limiter, A, 2),
        |limiter| asked(limiter, C, 4),
        |limiter, a, c| {
            assert_eq!((a, c), (1, 1));
            // Everybody has what he left, or a full bucket if he was displaced.
            assert!([2, 3, 5].contains(&left(limiter, A)), "A: {}", left(limiter, A));
            assert!([1, 5].contains(&left(limiter, B)), "B: {}", left(limiter, B));
            assert!([1, 5].contains(&left(limiter, C)), "C: {}", left(limiter, C));
            assert!((1..=2).contains(&limiter.evictions()));
            assert_eq!(limiter.len(), 2);
        },
    );
}

#[test]
fn loom_the_evicted_do_not_spend_the_newcomers_permits() {
    race(
        || limiter(5, 1, 5),
        // A asks for what its own bucket has and C's will not have.
        |limiter| asked(limiter, A, 4),
        |limiter| asked(limiter, C, 5),
        |_, a, c| assert_eq!((a, c), (1, 1)),
    );
}

#[test]
fn loom_an_eviction_gives_at_most_one_burst() {
    race(
        || limiter(1, 1, 1),
        |limiter| asked(limiter, A, 1) + asked(limiter, B, 1),
        |limiter| asked(limiter, C, 1),
        |limiter, again, _| assert!(u64::from(again) <= limiter.evictions()),
    );
}

#[test]
fn loom_an_update_meets_a_new_key() {
    race(
        || limiter(2, 0, 0),
        |limiter| asked(limiter, A, 1),
        |limiter| {
            limiter.update(NOW, Rate::per_second_of(1000).unwrap(), Burst::try_from(3).unwrap());
            0
        },
        |limiter, _, _| assert_eq!(left(limiter, A), 2),
    );
}

#[test]
fn loom_an_update_meets_a_takeover() {
    race(
        || limiter(2, 1, 2),
        |limiter| asked(limiter, C, 1),
        |limiter| {
            limiter.update(NOW, Rate::per_second_of(1000).unwrap(), Burst::try_from(3).unwrap());
            0
        },
        |limiter, _, _| {
            assert_eq!(left(limiter, C), 2);
            assert_eq!(left(limiter, B), 1);
        },
    );
}
