//! Sizes in bytes.

use crate::{Content, Node, Reader, Schemas, Shape, text_or};
use serde_json::{Value, json};
use std::{borrow::Cow, fmt, str::FromStr};

/// A size in bytes. Written `"64KiB"`, `"1MiB"`, `"300MB"`, or as a bare number of bytes.
///
/// ```
/// # use plimsoll_config::Size;
/// assert_eq!("64KiB".parse::<Size>().unwrap().bytes(), 65_536);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Size(u64);

/// From the largest down, so that the first that divides is the shortest.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

impl Size {
    /// Creates a size of `bytes`.
    pub const fn of_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Creates a size of so many times 1024 bytes; saturates.
    pub const fn kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1 << 10))
    }

    /// Creates a size of so many times 1024² bytes; saturates.
    pub const fn mib(mib: u64) -> Self {
        Self(mib.saturating_mul(1 << 20))
    }

    /// Returns the number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = plimsoll_policy::units::ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || plimsoll_policy::units::ValueError::new(EXPECTED, format_args!("{text:?}"));
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (digits, unit) = trimmed.split_at(end);
        let count: u64 = digits.parse().map_err(|_| invalid())?;
        let unit = unit.trim_start();
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        count.checked_mul(factor).map(Self).ok_or_else(invalid)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &(&str, u64)| self.0 >= *factor && self.0.is_multiple_of(*factor);
        let (unit, factor) = UNITS.into_iter().find(fits).unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

const EXPECTED: &str = "a size such as \"64KiB\", \"1MiB\", \"300MB\" or a number of bytes";

impl Shape for Size {
    fn expected() -> Cow<'static, str> {
        EXPECTED.into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match node.content() {
            Content::Integer(_) => {
                let bytes = reader.integer(node, 0..=i128::from(u64::MAX), EXPECTED)?;
                u64::try_from(bytes).ok().map(Self)
            }
            _ => reader.parsed(node, EXPECTED, |text| text.parse().ok()),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let text = schemas.text("bytes", EXPECTED, r"\s*[0-9]+\s*(GiB|GB|MiB|MB|KiB|kB|B)\s*");
        schemas.define("size", || text_or(text, json!({ "type": "integer", "minimum": 0 })))
    }

    fn write(&self) -> Value {
        self.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for text in ["64KiB", "1MiB", "300MB", "2GiB", "7B", "0B", "5kB"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        assert_eq!(" 1024 KiB ".parse::<Size>().unwrap(), Size::mib(1));
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in ["", "KiB", "64", "64kb", "-1B", "1.5MiB", "99999999999GiB", "1 B B"] {
            assert!(text.parse::<Size>().is_err(), "{text:?}");
        }
    }
}
