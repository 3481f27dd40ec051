use crate::units::{Ratio, ValueError};
use std::{fmt, str::FromStr, time::Duration};

/// A quantile from p1 to p99.99. Written `"p95"`, `"p99.9"`.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Percentile(f64);

impl Percentile {
    /// The 95th.
    pub const P95: Self = Self(95.0);

    /// As a part of one, such as 0.95.
    pub const fn quantile(self) -> f64 {
        self.0 / 100.0
    }
}

impl FromStr for Percentile {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let invalid = || ValueError::new("a percentile from \"p1\" to \"p99.99\"", format_args!("{text:?}"));
        let digits = text.trim().strip_prefix('p').ok_or_else(invalid)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let value: f64 = digits.parse().ok().filter(|_| plain).ok_or_else(invalid)?;
        if (1.0..=99.99).contains(&value) { Ok(Self(value)) } else { Err(invalid()) }
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

/// When the second attempt goes out while the first is still under way.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum HedgeDelay {
    /// At this percentile of the latencies of recent attempts.
    Percentile(Percentile),
    /// After this long.
    Fixed(Duration),
}

/// Hedging: one more attempt, elsewhere, for a call that is slower than most.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HedgeSpec {
    /// When.
    pub after: HedgeDelay,
    /// Hedges are at most this part of the calls.
    pub budget: Ratio,
}

impl Default for HedgeSpec {
    /// After the 95th percentile, 5 % at most.
    fn default() -> Self {
        Self { after: HedgeDelay::Percentile(Percentile::P95), budget: Ratio::percent(5) }
    }
}
