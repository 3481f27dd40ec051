use crate::{
    Instant,
    units::{Burst, Rate},
};

/// Where the permit clock stops. Every bucket is full long before.
const END: u64 = 1 << 61;

/// A rate and a burst, as exact whole-number arithmetic.
///
/// Time is not measured in nanoseconds here but in permits: the *permit clock* `V(t) = ⌊(t − origin)·rate⌋` counts
/// what has been earned, in units of `2^-scale` permits. A bucket is one number `X` on the same scale, the clock
/// reading at which it will be full again. So a permit costs exactly `2^scale`, whatever the rate, and the one
/// division is done anew for each reading: nothing is rounded twice, nothing adds up.
///
/// The scale is chosen so that a permit has at least as many units as the reduced period has nanoseconds. Then two
/// readings differ by so many whole permits exactly when that many have been earned between them: flooring loses
/// nothing. For that the clock runs at `count` to `2·count` units a nanosecond (count in lowest terms: 1 for 2000/s,
/// 3 for 90/m) and must be set back to zero now and then, in whole periods; at the latest after 18 years over `count`.
/// Where the burst would not fit into 60 bits (it takes 18 years over `count` to fill), units are coarser: a bucket
/// that is full then starts from the reading rounded up, late by less than a unit, never early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RateParams {
    /// Which params these are, counted from 0; the low bits tag every bucket written under them.
    pub(super) generation: u64,
    pub(super) origin: u64,
    /// `count / period` as `reciprocal / 2^(64 - up + down + scale)`, rounded down, its top bit set.
    pub(super) reciprocal: u64,
    /// Nanoseconds, with `count` in lowest terms.
    pub(super) period: u64,
    pub(super) count: u32,
    pub(super) burst: u32,
    pub(super) scale: u8,
    pub(super) up: u8,
    pub(super) down: u8,
}

/// The permit clock at one instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// The units earned, rounded down.
    pub(super) earned: u64,
    /// The reading from which a full bucket counts.
    pub(super) full: u64,
}

impl RateParams {
    pub(super) fn new(rate: Rate, burst: Burst, origin: Instant, generation: u64) -> Self {
        let (count, period) = lowest(rate);
        let (reciprocal, exponent) = reciprocal(count, period);
        let burst = burst.get();
        let fine = u64::BITS - (period - 1).leading_zeros();
        let scale = fine.min(60 - (u32::BITS - burst.leading_zeros()));
        let shift = exponent - scale;
        Self {
            generation,
            origin: origin.as_nanos(),
            reciprocal,
            period,
            count,
            burst,
            scale: scale as u8,
            up: 64u32.saturating_sub(shift) as u8,
            down: shift.saturating_sub(64) as u8,
        }
    }

    /// The same params with an origin shortly before `now`, at which the clock reads a whole number if it can.
    pub(super) fn set_back(&self, now: Instant) -> Self {
        let elapsed = now.as_nanos().saturating_sub(self.origin);
        let whole = elapsed - elapsed % (self.period >> self.period.trailing_zeros().min(self.scale.into()));
        let step = if whole == 0 { elapsed } else { whole };
        Self { generation: self.generation + 1, origin: self.origin + step, ..*self }
    }

    /// Nanoseconds from the origin before which the clock has to be set back: it reads less than 2⁶⁰ until then.
    #[inline]
    pub(super) const fn horizon(&self) -> u64 {
        1 << (60 - self.up)
    }

    /// Returns whether the clock is due to be set back.
    #[inline]
    pub(super) const fn far(&self, now: Instant) -> bool {
        now.as_nanos().saturating_sub(self.origin) > self.horizon() / 2
    }

    #[inline]
    pub(super) fn read(&self, now: Instant) -> Reading {
        let elapsed = now.as_nanos().saturating_sub(self.origin);
        if elapsed > self.horizon() {
            return self.read_far(elapsed);
        }
        let product = u128::from(elapsed << self.up) * u128::from(self.reciprocal);
        let estimate = ((product >> 64) as u64) >> self.down;
        // The reciprocal was rounded down, so the estimate is right or one short; the remainder tells which. It is
        // below twice the period, hence modulo 2⁶⁴ is enough.
        let dividend = elapsed.wrapping_mul(u64::from(self.count)) << self.scale;
        let rest = dividend.wrapping_sub(estimate.wrapping_mul(self.period));
        let short = rest >= self.period;
        let earned = estimate + u64::from(short);
        let inexact = rest != if short { self.period } else { 0 };
        Reading { earned, full: earned + u64::from(inexact && !self.is_fine()) }
    }

    #[cold]
    fn read_far(&self, elapsed: u64) -> Reading {
        let parts = u128::from(elapsed) * u128::from(self.count);
        let units =
            parts.checked_mul(1 << self.scale).map_or(u128::MAX, |units| units / u128::from(self.period));
        let earned = units.min(u128::from(END)) as u64;
        Reading { earned, full: earned + u64::from(!self.is_fine()) }
    }

    /// Returns whether a unit is so small that flooring loses nothing.
    #[inline]
    const fn is_fine(&self) -> bool {
        1 << self.scale >= self.period
    }

    /// The first instant at which so much has been earned.
    pub(super) fn when(&self, earned: u64) -> Instant {
        let unit = u128::from(self.count) << self.scale;
        let elapsed = (u128::from(earned) * u128::from(self.period)).div_ceil(unit);
        Instant::from_nanos(u64::try_from(elapsed).unwrap_or(u64::MAX).saturating_add(self.origin))
    }

    /// Returns the cost of `permits` in units. At most the burst's cost, which is all that a bucket can give or take
    /// back.
    #[inline]
    pub(super) fn cost(&self, permits: u32) -> u64 {
        u64::from(permits.min(self.burst)) << self.scale
    }

    /// The bucket after `permits` (at most the burst) were taken, or the reading at which they can be.
    #[inline]
    pub(super) fn charge(&self, bucket: u64, reading: Reading, permits: u32) -> Result<u64, u64> {
        let cost = self.cost(permits);
        let after = bucket + cost;
        let room = self.cost(self.burst);
        if bucket <= reading.earned {
            Ok(reading.full + cost)
        } else if after <= reading.earned + room {
            Ok(after)
        } else {
            Err(after - room)
        }
    }

    /// How many whole permits the bucket holds.
    pub(super) fn available(&self, bucket: u64, reading: Reading) -> u32 {
        let used = bucket.saturating_sub(reading.earned);
        (self.cost(self.burst).saturating_sub(used) >> self.scale) as u32
    }

    /// A bucket written under the params `from`, under these: what was used and not yet earned back stays used, rounded
    /// up to the unit. A smaller burst forgives what is beyond it, so that nobody owes more than it takes to fill.
    pub(super) fn carry(&self, bucket: u64, from: &Self) -> u64 {
        let used = self.used(bucket, from);
        if self.burst < from.burst { used.min(self.cost(self.burst)) } else { used }
    }

    /// The same for a bucket whose callers were promised instants: it stays taken until the last of them.
    pub(super) fn carry_promise(&self, bucket: u64, from: &Self) -> u64 {
        if (self.count, self.period) == (from.count, from.period) {
            self.used(bucket, from)
        } else {
            self.read(from.when(bucket)).full
        }
    }

    fn used(&self, bucket: u64, from: &Self) -> u64 {
        let used = bucket.saturating_sub(from.read(Instant::from_nanos(self.origin)).earned);
        let used = if self.scale >= from.scale {
            u128::from(used) << (self.scale - from.scale)
        } else {
            u128::from(used).div_ceil(1 << (from.scale - self.scale))
        };
        used.min(u128::from(END)) as u64
    }
}

/// Count and nanoseconds without a common divisor; the period below 2⁶².
fn lowest(rate: Rate) -> (u32, u64) {
    let (mut count, mut period) = (u128::from(rate.count()), rate.period().as_nanos());
    let (mut a, mut b) = (period, count);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (count, period) = (count / a, period / a);
    // Only periods of more than 146 years come here, and their counts are in the millions.
    while period >= 1 << 62 {
        (count, period) = (count / 2, period / 2 + 1);
    }
    (count as u32, period as u64)
}

/// `count / period` (at most 1) as `mantissa / 2^exponent` with the mantissa's top bit set, rounded down.
fn reciprocal(count: u32, period: u64) -> (u64, u32) {
    let (count, period) = (u128::from(count), u128::from(period));
    let (mut mantissa, mut rest, mut exponent) = ((count / period) as u64, count % period, 0);
    while mantissa >> 63 == 0 {
        rest <<= 1;
        mantissa = (mantissa << 1) | u64::from(rest >= period);
        rest %= period;
        exponent += 1;
    }
    (mantissa, exponent)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn rates() -> impl Strategy<Value = Rate> {
        prop_oneof![
            (1u32..=1_000_000_000).prop_map(|count| Rate::per_second_of(count).unwrap()),
            (1u32..100_000, 1u64..86_400_000_000_000)
                .prop_filter_map("slower than one an hour", |(count, period)| {
                    Rate::new(count, Duration::from_nanos(period)).ok()
                }),
            Just(Rate::new(1, Duration::from_hours(1)).unwrap()),
            Just(Rate::new(u32::MAX, Duration::from_hours(u64::from(u32::MAX))).unwrap()),
        ]
    }

    fn params(rate: Rate, burst: u32) -> RateParams {
        RateParams::new(rate, Burst::try_from(burst).unwrap(), Instant::ORIGIN, 0)
    }

    proptest! {
        #[test]
        fn a_reading_is_the_exact_floor(rate in rates(), burst in 1u32.., part in 0u64..=2000) {
            let params = params(rate, burst);
            let elapsed = params.horizon() / 1000 * part;
            let reading = params.read(Instant::from_nanos(elapsed));
            let dividend = (u128::from(elapsed) * u128::from(params.count)) << params.scale;
            prop_assert_eq!(u128::from(reading.earned), dividend / u128::from(params.period));
            prop_assert!(reading.earned <= END && params.cost(burst) < 1 << 60);
            prop_assert!(part > 1000 || reading.earned < 1 << 60);
        }

        #[test]
        fn when_is_the_first_nanosecond(rate in rates(), burst in 1u32..1_000_000, earned in 1..1u64 << 58) {
            let params = params(rate, burst);
            let when = params.when(earned);
            prop_assert!(params.read(when).earned >= earned);
            prop_assert!(params.read(Instant::from_nanos(when.as_nanos() - 1)).earned < earned);
        }

        #[test]
        fn setting_the_clock_back_moves_no_instant(rate in rates(), part in 500u64..1000, used in 0u64..1 << 50) {
            let old = params(rate, 1000);
            let now = Instant::from_nanos(old.horizon() / 1000 * part);
            let new = old.set_back(now);
            let bucket = old.read(now).earned + used;
            prop_assert!(!new.far(now));
            prop_assert_eq!(new.when(new.carry(bucket, &old)), old.when(bucket));
        }

        #[test]
        fn flooring_loses_nothing(rate in rates(), from in 0u64..1 << 40, after in 0u64..1 << 40) {
            let params = params(rate, 1000);
            prop_assume!(from + after < params.horizon());
            let between = params.read(Instant::from_nanos(from + after)).earned - params.read(Instant::from_nanos(from)).earned;
            let earned = u128::from(after) * u128::from(params.count) / u128::from(params.period);
            prop_assert_eq!(u128::from(between >> params.scale), earned);
        }
    }

    #[test]
    fn every_rate_is_exact_while_its_burst_fills_within_years() {
        for (text, burst) in [
            ("3/s", 1_000_000),
            ("90/m", 1_000_000),
            ("2000/s", u32::MAX),
            ("1/h", 100_000),
            ("999999937/s", 1_000_000_000),
            ("1000000000/s", u32::MAX),
        ] {
            assert!(params(text.parse().unwrap(), burst).is_fine(), "{text}");
        }
        assert!(!params("1/h".parse().unwrap(), 1_000_000).is_fine());
    }
}
