use super::{Span, ValueError, duration};
use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

/// So many in so long. Written `"2000/s"`, `"90/m"`, `"5/h"`, `"10/250ms"`. From one an hour to 10⁹ a second.
///
/// ```
/// # use plimsoll_policy::units::Rate;
/// let rate: Rate = "90/m".parse()?;
/// assert_eq!(rate.per_second(), 1.5);
/// # Ok::<(), plimsoll_policy::units::ValueError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    count: NonZeroU32,
    period: Duration,
}

impl Rate {
    const EXPECTED: &'static str =
        "a rate such as \"100/s\", \"90/m\" or \"5/h\", from one an hour to a thousand million a second";

    /// A rate of `count` in every `period`.
    ///
    /// # Errors
    /// Below one an hour or above 10⁹ a second.
    pub fn new(count: u32, period: Duration) -> Result<Self, ValueError> {
        let invalid = || ValueError::new(Self::EXPECTED, format_args!("{count}/{}", Span(period)));
        let count = NonZeroU32::new(count).ok_or_else(invalid)?;
        let rate = Self { count, period };
        let hour = 3_600_000_000_000u128;
        let slow = period.as_nanos() > hour * u128::from(count.get());
        if slow || period.as_nanos() < u128::from(count.get()) { Err(invalid()) } else { Ok(rate) }
    }

    /// A rate of `count` a second.
    ///
    /// # Errors
    /// For zero, and above 10⁹.
    pub fn per_second_of(count: u32) -> Result<Self, ValueError> {
        Self::new(count, Duration::from_secs(1))
    }

    /// How many.
    pub const fn count(self) -> u32 {
        self.count.get()
    }

    /// In how long.
    pub const fn period(self) -> Duration {
        self.period
    }

    /// Returns the rate as a number a second.
    pub fn per_second(self) -> f64 {
        f64::from(self.count.get()) / self.period.as_secs_f64()
    }
}

impl FromStr for Rate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let invalid = || ValueError::new(Self::EXPECTED, format_args!("{text:?}"));
        let (count, period) = text.split_once('/').ok_or_else(invalid)?;
        let count = count.trim();
        let digits = count.bytes().all(|byte| byte.is_ascii_digit());
        let count = count.parse().ok().filter(|_| digits).ok_or_else(invalid)?;
        let period = period.trim();
        // "/s" is one second; "/250ms" stands for itself.
        let bare = period.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        let period = if bare { duration(&format!("1{period}")) } else { duration(period) };
        Self::new(count, period.map_err(|_| invalid())?).map_err(|_| invalid())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = Span(self.period).to_string();
        let unit = match period.as_str() {
            "1s" => "s",
            "1m" => "m",
            "1h" => "h",
            "1d" => "d",
            other => other,
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// How many may come at once before the rate is felt: at least 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Burst(NonZeroU32);

impl Burst {
    /// One at a time.
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// The number, at least 1.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u32> for Burst {
    type Error = ValueError;

    fn try_from(value: u32) -> Result<Self, ValueError> {
        NonZeroU32::new(value).map(Self).ok_or_else(|| ValueError::new("a burst of at least 1", value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for text in ["2000/s", "90/m", "5/h", "1/d", "10/250ms"] {
            match text.parse::<Rate>() {
                Ok(rate) => assert_eq!(rate.to_string(), text),
                Err(_) => assert_eq!(text, "1/d", "slower than one an hour"),
            }
        }
    }

    #[test]
    fn refuses_what_is_no_rate() {
        for text in ["", "5", "/s", "0/s", "-1/s", "5/", "5/parsec", "2/s/s", "2000000000/s", "1.5/s", "+5/s"]
        {
            assert!(text.parse::<Rate>().is_err(), "{text:?}");
        }
        assert!("1000000000/s".parse::<Rate>().is_ok());
        assert!("1/h".parse::<Rate>().is_ok());
    }
}
