use super::ValueError;
use std::{fmt, str::FromStr};

/// A part of a whole, from 0 to 1. Written `"50%"` or `0.5`.
///
/// ```
/// # use plimsoll_policy::units::Ratio;
/// let ratio: Ratio = "12.5%".parse()?;
/// assert_eq!(ratio.get(), 0.125);
/// assert!("150%".parse::<Ratio>().is_err());
/// # Ok::<(), plimsoll_policy::units::ValueError>(())
/// ```
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Ratio(f64);

impl Ratio {
    /// None of it.
    pub const ZERO: Self = Self(0.0);
    /// All of it.
    pub const ONE: Self = Self(1.0);

    const EXPECTED: &'static str = "a ratio from 0% to 100%, such as \"50%\" or 0.5";

    /// Whole per cent; above 100 is taken as 100.
    pub const fn percent(percent: u8) -> Self {
        Self(if percent > 100 { 1.0 } else { percent as f64 / 100.0 })
    }

    /// From 0 to 1.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// In parts of 2³²: whole arithmetic for hot paths, exact to 2·10⁻¹⁰.
    pub const fn fixed(self) -> u64 {
        (self.0 * (1u64 << 32) as f64) as u64
    }

    /// In billionths, rounded to the nearest: what people write in decimals is whole here, where the nearest binary
    /// fraction of 7 % times a hundred is a little more than seven.
    pub const fn billionths(self) -> u32 {
        (self.0 * 1e9 + 0.5) as u32
    }

    /// Returns whether `part` of `whole` reaches this ratio, taken to the billionth; a whole of nothing never does.
    pub const fn reached(self, part: u64, whole: u64) -> bool {
        whole > 0 && part as u128 * 1_000_000_000 >= self.billionths() as u128 * whole as u128
    }
}

impl TryFrom<f64> for Ratio {
    type Error = ValueError;

    fn try_from(value: f64) -> Result<Self, ValueError> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(ValueError::new(Self::EXPECTED, value))
        }
    }
}

impl FromStr for Ratio {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let invalid = || ValueError::new(Self::EXPECTED, format_args!("{text:?}"));
        let (digits, scale) = text.trim().strip_suffix('%').map_or((text.trim(), 1.0), |rest| (rest, 100.0));
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let value: f64 = digits.parse().ok().filter(|_| plain).ok_or_else(invalid)?;
        Self::try_from(value / scale).map_err(|_| invalid())
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded where a binary fraction of a decimal would show: 0.07 is 7%, not 7.000000000000001%.
        write!(f, "{}%", (self.0 * 1e10).round() / 1e8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_refuses_the_rest() {
        for text in ["0%", "7%", "12.5%", "100%"] {
            assert_eq!(text.parse::<Ratio>().unwrap().to_string(), text);
        }
        for text in ["", "%", "-1%", "101%", "1e2", "nan", "inf", "1.5", "50 percent"] {
            assert!(text.parse::<Ratio>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_ratio_of_nothing_is_never_reached() {
        assert!(!Ratio::ZERO.reached(0, 0));
        assert!(Ratio::percent(50).reached(1, 2));
        assert!(!Ratio::percent(50).reached(1, 3));
    }

    #[test]
    fn a_ratio_is_reached_by_just_the_part_that_it_names() {
        for percent in 1..=100u8 {
            let ratios = [Ratio::percent(percent), format!("{percent}%").parse().unwrap()];
            for (whole, part) in (0..=200u64).flat_map(|whole| (0..=whole).map(move |part| (whole, part))) {
                let reached = whole > 0 && part * 100 >= u64::from(percent) * whole;
                assert!(
                    ratios.iter().all(|ratio| ratio.reached(part, whole) == reached),
                    "{part} of {whole}"
                );
            }
        }
        assert!(Ratio::ONE.reached(u64::MAX, u64::MAX));
        assert!(!Ratio::ONE.reached(u64::MAX - 1, u64::MAX));
    }
}
