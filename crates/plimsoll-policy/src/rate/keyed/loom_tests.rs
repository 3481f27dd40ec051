//! Under loom a set has two slots and all keys share one stripe.
use super::*;
use loom::{model::Builder, sync::Arc, thread};
use std::time::Duration;

const NOW: Instant = Instant::from_nanos(5);
const A: KeyHash = KeyHash(0xA000_0000_0000_000A);
const B: KeyHash = KeyHash(0xB000_0000_0000_000B);
const C: KeyHash = KeyHash(0xC000_0000_0000_000C);

fn rate(count: u32) -> Rate {
    Rate::new(count, Duration::from_hours(1)).unwrap()
}

/// One set of two slots.
fn limiter(burst: u32) -> Arc<KeyedLimiter> {
    let burst = Burst::try_from(burst).unwrap();
    Arc::new(KeyedLimiter::new(rate(1), burst, NonZeroU32::MIN, NOW, Draw::new(1)))
}

fn model(test: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(test);
}

fn beside(
    limiter: &Arc<KeyedLimiter>,
    what: impl FnOnce(&KeyedLimiter) + Send + 'static,
) -> thread::JoinHandle<()> {
    let limiter = Arc::clone(limiter);
    thread::spawn(move || what(&limiter))
}

#[test]
fn loom_two_who_bring_the_same_key_share_its_bucket() {
    model(|| {
        let limiter = limiter(2);
        let other = beside(&limiter, |limiter| assert!(limiter.admit(NOW, A, 1).is_ok()));
        assert!(limiter.admit(NOW, A, 1).is_ok());
        other.join().unwrap();
        assert!(limiter.admit(NOW, A, 1).is_err());
        assert_eq!(limiter.len(), 1);
    });
}

#[test]
fn loom_a_takeover_charges_nobody_for_another() {
    model(|| {
        let limiter = limiter(3);
        limiter.admit(NOW, A, 1).unwrap();
        limiter.admit(NOW, B, 2).unwrap();
        // C displaces A, or B if A has used as much by then, while A is spending.
        let other = beside(&limiter, |limiter| limiter.admit(NOW, C, 2).unwrap());
        assert!(limiter.admit(NOW, A, 1).is_ok());
        other.join().unwrap();
        let left = |key| limiter.peek(NOW, key, 1).available;
        // Everybody has what he left, or a full bucket if he was displaced (and, if A came back as a new key, two).
        assert!(left(C) == 1 || left(C) == 3, "C: {}", left(C));
        assert!([1, 2, 3].contains(&left(A)), "A: {}", left(A));
        assert!(left(B) == 1 || left(B) == 3, "B: {}", left(B));
        assert!((1..=2).contains(&limiter.evictions()));
        assert_eq!(limiter.len(), 2);
    });
}

#[test]
fn loom_an_eviction_gives_at_most_one_burst() {
    model(|| {
        let limiter = limiter(1);
        limiter.admit(NOW, A, 1).unwrap();
        limiter.admit(NOW, B, 1).unwrap();
        let other = beside(&limiter, |limiter| limiter.admit(NOW, C, 1).unwrap());
        let again = u64::from(limiter.admit(NOW, A, 1).is_ok()) + u64::from(limiter.admit(NOW, B, 1).is_ok());
        other.join().unwrap();
        assert!(again <= limiter.evictions());
    });
}

#[test]
fn loom_an_update_meets_a_new_key() {
    model(|| {
        let limiter = limiter(2);
        let other = beside(&limiter, |limiter| limiter.update(NOW, rate(7), Burst::try_from(3).unwrap()));
        assert!(limiter.admit(NOW, A, 1).is_ok());
        other.join().unwrap();
        assert_eq!(limiter.peek(NOW, A, 1).available, 2);
    });
}
