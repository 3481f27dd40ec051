//! Which requests are written to the access log.

use plimsoll_policy::{Draw, units::Ratio};

/// Keeps a fixed part of what passes, by a draw that the caller makes. 8 bytes; one comparison.
///
/// Use a draw of its own ([`Draw::split`]): one that has decided something else already would make the sample
/// depend on that decision.
///
/// ```
/// use plimsoll_policy::{Draw, units::Ratio};
/// use plimsoll_telemetry::Sample;
/// let tenth = Sample::new(Ratio::percent(10));
/// assert!(tenth.keeps(Draw::new(0)) && !tenth.keeps(Draw::new(u64::MAX)));
/// assert!(Sample::new(Ratio::ONE).keeps(Draw::new(u64::MAX)));
/// assert!(!Sample::new(Ratio::ZERO).keeps(Draw::new(0)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    below: u64,
}

impl Sample {
    /// Keeps this part of all, exact to 2⁻³².
    pub const fn new(ratio: Ratio) -> Self {
        Self { below: ratio.fixed() }
    }

    /// Returns whether to keep the one this draw belongs to.
    #[inline]
    pub const fn keeps(self, draw: Draw) -> bool {
        draw.bits() >> 32 < self.below
    }
}
