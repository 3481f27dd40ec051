use super::{Span, ValueError, duration};
use std::{fmt, str::FromStr, time::Duration};

/// The shortest and the longest wait between attempts. Written `"10ms..200ms"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackoffRange {
    base: Duration,
    cap: Duration,
}

impl BackoffRange {
    const EXPECTED: &'static str =
        "a range of waits such as \"10ms..200ms\", the first above zero and not above the second";

    /// A range from `base` (above zero) to `cap` (not below `base`).
    ///
    /// # Errors
    /// Where that does not hold.
    pub fn new(base: Duration, cap: Duration) -> Result<Self, ValueError> {
        if base.is_zero() || cap < base {
            return Err(ValueError::new(Self::EXPECTED, format_args!("\"{}..{}\"", Span(base), Span(cap))));
        }
        Ok(Self { base, cap })
    }

    /// The shortest.
    pub const fn base(self) -> Duration {
        self.base
    }

    /// The longest.
    pub const fn cap(self) -> Duration {
        self.cap
    }
}

impl FromStr for BackoffRange {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let invalid = |()| ValueError::new(Self::EXPECTED, format_args!("{text:?}"));
        let (base, cap) = text.split_once("..").ok_or(()).map_err(invalid)?;
        let read = |part| duration(part).map_err(|_| invalid(()));
        Self::new(read(base)?, read(cap)?).map_err(|_| invalid(()))
    }
}

impl fmt::Display for BackoffRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", Span(self.base), Span(self.cap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_writes_and_refuses() {
        assert_eq!("10ms..200ms".parse::<BackoffRange>().unwrap().to_string(), "10ms..200ms");
        for text in ["10ms", "200ms..10ms", "0s..1s", "..", "10ms..", "a..b"] {
            assert!(text.parse::<BackoffRange>().is_err(), "{text:?}");
        }
    }
}
