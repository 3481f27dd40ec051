//! Log-linear buckets: the arithmetic that the histograms of hedges and of metrics share.
//!
//! After HdrHistogram (Tene, 2012): each power of two is divided into the same number of buckets, so that a bucket's width
//! relative to its value is bounded. No state; a histogram adds counters.

/// A scale of log-linear buckets with `2^SUB_BITS` buckets for each power of two.
///
/// Below `2^(SUB_BITS + 1)` units the buckets are one unit wide; above, a bucket's width is at most `1 / 2^SUB_BITS` of its
/// lower edge.
///
/// ```
/// use plimsoll_policy::log_linear::LogLinear;
///
/// let microseconds = LogLinear::<5>::new(10); // units of 2^10 ns
/// let bucket = microseconds.index(3_000_000);
/// assert!((microseconds.lower_edge(bucket)..microseconds.lower_edge(bucket + 1)).contains(&3_000_000));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogLinear<const SUB_BITS: u32> {
    unit_bits: u32,
}

impl<const SUB_BITS: u32> LogLinear<SUB_BITS> {
    /// The number of buckets for each power of two.
    pub const SUBS: u64 = 1 << SUB_BITS;

    /// A scale whose unit is `2^unit_bits` of the recorded values.
    pub const fn new(unit_bits: u32) -> Self {
        Self { unit_bits }
    }

    /// Returns the bucket of a value.
    #[inline]
    pub const fn index(self, value: u64) -> usize {
        let units = value >> self.unit_bits;
        let octave = (units | Self::SUBS).ilog2() - SUB_BITS;
        (((octave as u64) << SUB_BITS) + (units >> octave)) as usize
    }

    /// Returns the least value of a bucket, which is also the end of the bucket before it.
    #[inline]
    pub const fn lower_edge(self, bucket: usize) -> u64 {
        let bucket = bucket as u64;
        if bucket < 2 * Self::SUBS {
            return bucket << self.unit_bits;
        }
        let octave = (bucket >> SUB_BITS) - 1;
        (Self::SUBS + bucket % Self::SUBS) << octave << self.unit_bits
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meets_without_gaps<const SUB_BITS: u32>(scale: LogLinear<SUB_BITS>, buckets: usize) {
        for bucket in 1..buckets {
            let edge = scale.lower_edge(bucket);
            assert_eq!((scale.index(edge - 1), scale.index(edge)), (bucket - 1, bucket), "{scale:?}");
        }
    }

    #[test]
    fn buckets_meet_without_gaps() {
        for unit_bits in [0, 1, 10] {
            meets_without_gaps(LogLinear::<3>::new(unit_bits), 8 * 50);
            meets_without_gaps(LogLinear::<5>::new(unit_bits), 32 * 40);
        }
    }

    proptest! {
        #[test]
        fn a_value_is_near_the_edge_of_its_bucket(value in any::<u64>(), unit_bits in 0_u32..12) {
            let scale = LogLinear::<5>::new(unit_bits);
            let from = scale.lower_edge(scale.index(value));
            prop_assert!(from <= value);
            prop_assert!(value - from < (from / 32).max(1 << unit_bits));
        }
    }
}
