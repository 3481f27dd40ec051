//! The buckets of a histogram: resolution, range and exported bounds.

use plimsoll_policy::log_linear::LogLinear;

/// Each power of two is divided into 2³ buckets.
type FineScale = LogLinear<3>;
const SUBS: u64 = FineScale::SUBS;
const NO_BOUND: u8 = u8::MAX;

/// The resolution, range and exported bounds of a histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets {
    per_unit: f64,
    floor: u64,
    ceiling: u64,
    bounds: Vec<f64>,
}

/// An error in the definition of [`Buckets`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BucketsError {
    /// The scale is not a positive number.
    #[error("a unit must be a positive number of raw units, not {0}")]
    Scale(f64),
    /// Floor and ceiling leave no room.
    #[error("the ceiling {ceiling} must be at least 16 times the floor {floor}, and at most 2^63")]
    Range {
        /// The floor, in raw units.
        floor: u64,
        /// The ceiling, in raw units.
        ceiling: u64,
    },
    /// More bounds than [`Buckets::MAX_BOUNDS`].
    #[error("at most 64 bounds can be exported, not {0}")]
    TooMany(usize),
    /// A bound is not above the one before it, or not between 0 and the ceiling.
    #[error("bound {0} is not above the one before it, or not between 0 and the ceiling")]
    Bound(f64),
    /// Two bounds fall into one bucket.
    #[error("bound {0} is within an eighth of the one before it")]
    TooClose(f64),
}

impl Buckets {
    /// The greatest number of exported bounds.
    pub const MAX_BOUNDS: usize = 64;

    /// Recorded in nanoseconds, shown in seconds: resolved from 1 µs to 137 s, exported at 1, 2.5, 5, 10, 25,
    /// 50, 100, 250, 500 ms, 1, 2.5, 5, 10 and 30 s.
    pub fn latency() -> Self {
        Self::latency_at(&[
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
        ])
    }

    /// As [`latency`](Self::latency), exported at these bounds, in seconds.
    pub fn latency_at(seconds: &[f64]) -> Self {
        Self { per_unit: 1e9, floor: 1 << 10, ceiling: 1 << 37, bounds: seconds.to_vec() }
    }

    /// Recorded and shown in bytes: resolved from 64 B to 16 GiB, exported at powers of four from 256 B to 1 GiB.
    pub fn bytes() -> Self {
        let bounds = (4..=15).map(|power| 4_f64.powi(power)).collect();
        Self { per_unit: 1.0, floor: 1 << 6, ceiling: 1 << 34, bounds }
    }

    /// Recorded and shown as plain numbers up to `most`, such as attempts of a call; exported at `bounds`.
    pub fn counts(most: u64, bounds: &[f64]) -> Self {
        Self { per_unit: 1.0, floor: 1, ceiling: most.max(SUBS * 2), bounds: bounds.to_vec() }
    }

    /// `per_unit` raw units make one exported unit. Values are told apart down to `floor` raw units (rounded
    /// down to a power of two) and up to `ceiling` (rounded up to one); `bounds` are in exported units.
    pub fn custom(per_unit: f64, floor: u64, ceiling: u64, bounds: &[f64]) -> Self {
        Self { per_unit, floor, ceiling, bounds: bounds.to_vec() }
    }

    /// How many cells of 8 bytes one histogram of this kind takes in every shard.
    pub fn cells(&self) -> Result<usize, BucketsError> {
        self.layout().map(|layout| layout.len())
    }

    pub(crate) fn layout(&self) -> Result<Layout, BucketsError> {
        Layout::new(self)
    }
}

/// [`Buckets`], worked out. Shared by all histograms of a family.
///
/// Cells: the fine buckets, then the upper parts of those that a bound cuts in two, then the sum.
#[derive(Debug, PartialEq)]
pub(crate) struct Layout {
    scale: FineScale,
    last: usize,
    /// For each fine bucket which bound lies in it.
    cut: Box<[u8]>,
    /// Bounds in raw units, inclusive, by the number in `cut`.
    bounds: Box<[u64]>,
    /// Greatest value and cell of every bucket, ascending.
    in_order: Box<[(u64, usize)]>,
    /// Bounds in raw and in exported units, ascending.
    exported: Box<[(u64, f64)]>,
    per_unit: f64,
}

impl Layout {
    fn new(buckets: &Buckets) -> Result<Self, BucketsError> {
        let Buckets { per_unit, floor, ceiling, ref bounds } = *buckets;
        if !(per_unit.is_finite() && per_unit > 0.0) {
            return Err(BucketsError::Scale(per_unit));
        }
        if floor == 0 || ceiling > 1 << 63 || floor.checked_mul(SUBS * 2).is_none_or(|least| ceiling < least)
        {
            return Err(BucketsError::Range { floor, ceiling });
        }
        if bounds.len() > Buckets::MAX_BOUNDS {
            return Err(BucketsError::TooMany(bounds.len()));
        }
        let scale = FineScale::new(floor.ilog2());
        let ceiling = ceiling.next_power_of_two();
        let last = scale.index(ceiling);
        let mut layout = Self {
            scale,
            last,
            cut: vec![NO_BOUND; last + 1].into(),
            bounds: Box::default(),
            in_order: Box::default(),
            exported: Box::default(),
            per_unit,
        };
        layout.cut_at(bounds, ceiling)?;
        layout.in_order = layout.ordered().into();
        Ok(layout)
    }

    fn cut_at(&mut self, wanted: &[f64], ceiling: u64) -> Result<(), BucketsError> {
        let mut exported: Vec<(u64, f64)> = Vec::with_capacity(wanted.len());
        for &le in wanted {
            let raw = (le * self.per_unit).round();
            let before = exported.last().map(|(_, le)| *le);
            let ascends = before.is_none_or(|before| le > before);
            if !(ascends && raw >= 0.0 && raw < ceiling as f64) {
                return Err(BucketsError::Bound(le));
            }
            let slot = &mut self.cut[self.scale.index(raw as u64)];
            if *slot != NO_BOUND {
                return Err(BucketsError::TooClose(le));
            }
            *slot = exported.len() as u8;
            exported.push((raw as u64, le));
        }
        self.bounds = exported.iter().map(|(raw, _)| *raw).collect();
        self.exported = exported.into();
        Ok(())
    }

    fn ordered(&self) -> Vec<(u64, usize)> {
        let mut buckets = Vec::with_capacity(self.last + 1 + self.bounds.len());
        for bucket in 0..=self.last {
            let upper = if bucket == self.last { u64::MAX } else { self.scale.lower_edge(bucket + 1) - 1 };
            let cut = self.cut[bucket];
            match self.bounds.get(usize::from(cut)) {
                Some(&bound) => {
                    buckets.push((bound, bucket));
                    if bound < upper {
                        buckets.push((upper, self.upper_part(cut)));
                    }
                }
                None => buckets.push((upper, bucket)),
            }
        }
        buckets
    }

    /// The cell in which a value is counted.
    #[inline]
    pub(crate) fn cell_of(&self, value: u64) -> usize {
        let bucket = self.scale.index(value).min(self.last);
        let cut = self.cut[bucket];
        // Few buckets hold a bound, so this is rarely entered.
        if cut != NO_BOUND && value > self.bounds[usize::from(cut)] {
            return self.upper_part(cut);
        }
        bucket
    }

    fn upper_part(&self, cut: u8) -> usize {
        self.last + 1 + usize::from(cut)
    }

    #[inline]
    pub(crate) fn sum_cell(&self) -> usize {
        self.last + 1 + self.bounds.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.sum_cell() + 1
    }

    pub(crate) fn in_order(&self) -> &[(u64, usize)] {
        &self.in_order
    }

    pub(crate) fn exported(&self) -> &[(u64, f64)] {
        &self.exported
    }

    pub(crate) fn per_unit(&self) -> f64 {
        self.per_unit
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_presets_are_valid_and_small() {
        assert!(Buckets::latency().cells().unwrap() <= 240);
        assert!(Buckets::bytes().cells().unwrap() <= 260);
        let attempts = Buckets::counts(16, &[1.0, 2.0, 3.0, 5.0]).layout().unwrap();
        assert_eq!(attempts.exported().len(), 4);
    }

    #[test]
    fn wrong_buckets_are_refused() {
        use BucketsError::*;
        let error = |buckets: Buckets| buckets.layout().unwrap_err();
        assert_eq!(error(Buckets::custom(0.0, 1, 1000, &[])), Scale(0.0));
        assert!(matches!(error(Buckets::custom(f64::NAN, 1, 1000, &[])), Scale(_)));
        assert!(matches!(error(Buckets::custom(1.0, 0, 1000, &[])), Range { .. }));
        assert!(matches!(error(Buckets::custom(1.0, 100, 1000, &[])), Range { .. }));
        assert!(matches!(error(Buckets::custom(1.0, 1, u64::MAX, &[])), Range { .. }));
        assert!(matches!(error(Buckets::custom(1.0, u64::MAX, 1 << 63, &[])), Range { .. }));
        assert_eq!(error(Buckets::latency_at(&[1.0, 0.5])), Bound(0.5));
        assert_eq!(error(Buckets::latency_at(&[1.0, 1.0])), Bound(1.0));
        assert_eq!(error(Buckets::latency_at(&[-1.0])), Bound(-1.0));
        assert_eq!(error(Buckets::latency_at(&[1e6])), Bound(1e6));
        assert!(matches!(error(Buckets::latency_at(&[f64::NAN])), Bound(_)));
        assert_eq!(error(Buckets::latency_at(&[1.0, 1.005])), TooClose(1.005));
        assert_eq!(error(Buckets::counts(1000, &[0.0; 65])), TooMany(65));
    }

    proptest! {
        #[test]
        fn the_cell_is_the_one_whose_range_holds_the_value(value in any::<u64>(), low in any::<bool>()) {
            let layout = Buckets::latency().layout().unwrap();
            let value = if low { value >> 25 } else { value };
            let cell = layout.cell_of(value);
            let place = layout.in_order().iter().position(|(_, c)| *c == cell).unwrap();
            let above = if place == 0 { None } else { Some(layout.in_order()[place - 1].0) };
            prop_assert!(above.is_none_or(|above| value > above));
            prop_assert!(value <= layout.in_order()[place].0);
        }
    }

    #[test]
    fn exported_bounds_are_ends_of_cells() {
        for buckets in [Buckets::latency(), Buckets::bytes(), Buckets::counts(16, &[0.0, 1.0, 2.0, 15.0])] {
            let layout = buckets.layout().unwrap();
            for (raw, le) in layout.exported() {
                assert!(layout.in_order().iter().any(|(upper, _)| upper == raw), "{le}");
                assert_ne!(layout.cell_of(*raw), layout.cell_of(raw + 1));
            }
        }
    }
}
