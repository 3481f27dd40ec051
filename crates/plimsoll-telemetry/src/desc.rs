//! The description of a metric: name, help, unit and bounds.

use crate::error::{NameError, RegisterError};
use std::{borrow::Cow, fmt};

/// The kind of a metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

impl Kind {
    /// As written behind `# TYPE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The unit of a metric: base units only, as the naming conventions ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// A fraction, 0 to 1.
    Ratio,
}

impl Unit {
    /// As it ends a metric's name and as written behind `# UNIT`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Ratio => "ratio",
        }
    }
}

/// Name, meaning, unit and bound of a metric family.
///
/// ```
/// use plimsoll_telemetry::{Desc, Unit};
/// let bytes = Desc::new("plimsoll_body_bytes_total", "Bytes of bodies passed on.").unit(Unit::Bytes);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desc {
    pub(crate) name: Cow<'static, str>,
    pub(crate) help: Cow<'static, str>,
    pub(crate) unit: Option<Unit>,
    pub(crate) max_series: usize,
}

impl Desc {
    /// How many label sets a family has at most unless it says otherwise.
    pub const DEFAULT_MAX_SERIES: usize = 256;

    /// A metric with its full name (a counter's ends in `_total`) and a sentence on its meaning.
    pub fn new(name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), help: help.into(), unit: None, max_series: Self::DEFAULT_MAX_SERIES }
    }

    /// States the unit. The name must end in it.
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = Some(unit);
        self
    }

    /// The greatest number of label sets; those beyond share one series whose labels are all
    /// [`OVERFLOW`](crate::OVERFLOW). At least 1.
    pub fn max_series(mut self, most: usize) -> Self {
        self.max_series = most.max(1);
        self
    }

    /// The family's name in OpenMetrics: a counter's without `_total`.
    pub(crate) fn base(&self, kind: Kind) -> &str {
        match kind {
            Kind::Counter => self.name.strip_suffix("_total").unwrap_or(&self.name),
            _ => &self.name,
        }
    }

    pub(crate) fn check(&self, kind: Kind, labels: &[&str]) -> Result<(), RegisterError> {
        if let Err(fault) = self.check_name(kind) {
            return Err(RegisterError::BadName { name: self.name.to_string(), fault });
        }
        for (nth, label) in labels.iter().enumerate() {
            let reserved = matches!(*label, "le" | "quantile") || label.starts_with("__");
            if !is_word(label) || reserved || labels[..nth].contains(label) {
                let (name, label) = (self.name.to_string(), (*label).to_owned());
                return Err(RegisterError::BadLabel { name, label });
            }
        }
        Ok(())
    }

    fn check_name(&self, kind: Kind) -> Result<(), NameError> {
        const PARTS: [&str; 6] = ["_total", "_bucket", "_count", "_sum", "_created", "_info"];
        if !is_word(&self.name) {
            return Err(NameError::Characters);
        }
        if kind == Kind::Counter && !self.name.ends_with("_total") {
            return Err(NameError::CounterWithoutTotal);
        }
        let base = self.base(kind);
        // Build and target information is conventionally a gauge called `_info`.
        let part = |ending: &str| base.ends_with(ending) && !(kind == Kind::Gauge && ending == "_info");
        if base.is_empty() || PARTS.into_iter().any(part) {
            return Err(NameError::ReservedEnding);
        }
        let in_unit = |unit: Unit| base.strip_suffix(unit.as_str()).is_some_and(|rest| rest.ends_with('_'));
        if self.unit.is_some_and(|unit| !in_unit(unit)) {
            return Err(NameError::WithoutUnit);
        }
        Ok(())
    }
}

fn is_word(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn fault(name: &'static str, kind: Kind, unit: Option<Unit>) -> Option<NameError> {
        let desc = Desc { unit, ..Desc::new(name, "h") };
        match desc.check(kind, &[]) {
            Err(RegisterError::BadName { fault, .. }) => Some(fault),
            Ok(()) => None,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn names_follow_the_conventions() {
        use Kind::*;
        for (name, kind, unit, expected) in [
            ("a_total", Counter, None, None),
            ("a_seconds_total", Counter, Some(Unit::Seconds), None),
            ("a_total_seconds", Counter, Some(Unit::Seconds), Some(NameError::CounterWithoutTotal)),
            ("a_bytes", Gauge, Some(Unit::Bytes), None),
            ("abytes", Gauge, Some(Unit::Bytes), Some(NameError::WithoutUnit)),
            ("a_total", Counter, Some(Unit::Bytes), Some(NameError::WithoutUnit)),
            ("a_build_info", Gauge, None, None),
            ("a_info_total", Counter, None, Some(NameError::ReservedEnding)),
            ("_total", Counter, None, Some(NameError::ReservedEnding)),
            ("a_count", Gauge, None, Some(NameError::ReservedEnding)),
            ("a_bucket", Histogram, None, Some(NameError::ReservedEnding)),
            ("a:b", Gauge, None, Some(NameError::Characters)),
            ("1a", Gauge, None, Some(NameError::Characters)),
            ("", Gauge, None, Some(NameError::Characters)),
            ("ä", Gauge, None, Some(NameError::Characters)),
        ] {
            assert_eq!(fault(name, kind, unit), expected, "{name}");
        }
    }

    #[test]
    fn labels_are_words_that_are_not_reserved_and_not_repeated() {
        let desc = Desc::new("a", "h");
        assert!(desc.check(Kind::Gauge, &["route", "_x9"]).is_ok());
        for bad in [&["le"][..], &["__name__"], &["a", "a"], &["a b"], &[""], &["quantile"]] {
            assert!(matches!(desc.check(Kind::Gauge, bad), Err(RegisterError::BadLabel { .. })), "{bad:?}");
        }
    }
}
