//! How many calls a second are sent.

use crate::{
    Instant,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire},
    },
};

const BUCKET_NANOS: u64 = 500_000_000;
/// Buckets in 35 bits, which are as many as there are in 64 bits of nanoseconds; counts in the rest.
const COUNT_BITS: u32 = 29;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const SMOOTHING: f64 = 0.8;

/// A rate measured in buckets of half a second: `0.8 · bucket + 0.2 · rate before`.
#[derive(Debug)]
pub(super) struct Sent {
    /// The running bucket's number, and the calls in it.
    bucket: AtomicU64,
    /// Calls a second, as the bits of a float.
    rate: AtomicU64,
}

impl Sent {
    pub(super) fn new(start: Instant) -> Self {
        let bucket = start.as_nanos() / BUCKET_NANOS;
        Self { bucket: AtomicU64::new(bucket << COUNT_BITS), rate: AtomicU64::new(0f64.to_bits()) }
    }

    /// Counts a call. The first one after a bucket's end still belongs to it, and ends it.
    #[inline]
    pub(super) fn count(&self, now: Instant) {
        let bucket = now.as_nanos() / BUCKET_NANOS;
        let mut seen = self.bucket.load(Acquire);
        loop {
            let counted = (seen & COUNT_MASK) + 1;
            let over = bucket > seen >> COUNT_BITS;
            let next = if over { bucket << COUNT_BITS } else { seen & !COUNT_MASK | counted.min(COUNT_MASK) };
            match self.bucket.compare_exchange_weak(seen, next, AcqRel, Acquire) {
                Ok(_) if over => return self.average(counted, bucket - (seen >> COUNT_BITS)),
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    #[cold]
    fn average(&self, calls: u64, buckets: u64) {
        let rate = calls as f64 / (buckets as f64 * BUCKET_NANOS as f64 / 1e9);
        let mixed = |before| Some((SMOOTHING * rate + (1.0 - SMOOTHING) * f64::from_bits(before)).to_bits());
        let _ = self.rate.fetch_update(AcqRel, Acquire, mixed);
    }

    /// Calls a second, as of the last bucket that is over.
    pub(super) fn rate(&self) -> f64 {
        f64::from_bits(self.rate.load(Acquire))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn averages_half_seconds() {
        let at = |millis| Instant::ORIGIN + Duration::from_millis(millis);
        let sent = Sent::new(at(0));
        (0..9).for_each(|_| sent.count(at(100)));
        assert!(sent.rate().abs() < 1e-12, "the first bucket is not over");
        sent.count(at(500));
        assert!((sent.rate() - 16.0).abs() < 1e-12, "0.8 · 10 in half a second");
        sent.count(at(2500));
        assert!((sent.rate() - (0.8 * 0.5 + 0.2 * 16.0)).abs() < 1e-12, "one call in four buckets");
        sent.count(at(0));
        sent.count(at(2999));
        assert!((sent.rate() - 3.6).abs() < 1e-12, "a clock that lags ends no bucket");
    }
}
