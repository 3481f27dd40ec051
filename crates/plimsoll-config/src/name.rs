//! Names of policies and upstreams, and the nearest name to a word.

use crate::{Node, Reader, Schemas, Shape};
use plimsoll_policy::units::ValueError;
use std::{
    borrow::{Borrow, Cow},
    fmt,
};

/// The name of a policy or an upstream: 1 to 64 of `a`–`z`, `0`–`9`, `_` and `-`, so that it fits a path, a metric's
/// label and a log line.
///
/// ```
/// # use plimsoll_config::Name;
/// assert_eq!(Name::try_from("orders-2")?.as_str(), "orders-2");
/// assert!(Name::try_from("Orders/2").is_err());
/// # Ok::<(), plimsoll_policy::units::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(Box<str>);

impl Name {
    const EXPECTED: &'static str = "a name of 1 to 64 of a-z, 0-9, \"_\" and \"-\"";

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Name {
    type Error = ValueError;

    fn try_from(text: &str) -> Result<Self, ValueError> {
        let known =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(known) {
            Ok(Self(text.into()))
        } else {
            Err(ValueError::new(Self::EXPECTED, format_args!("{text:?}")))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Shape for Name {
    fn expected() -> Cow<'static, str> {
        Self::EXPECTED.into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed(node, Self::EXPECTED, |text| Self::try_from(text).ok())
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        schemas.text("name", Self::EXPECTED, "[a-z0-9_-]{1,64}")
    }

    fn write(&self) -> serde_json::Value {
        self.as_str().into()
    }
}

/// Returns the candidate that `name` was probably meant to be, if one is near: at most one edit in three letters; case and
/// `_` for `-` do not count. The first of equals. O(candidates × length²); no candidate is near to a name above 128 bytes.
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if name.len() > 128 {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let wanted = plain(name);
    let allowed = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 128)
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for name in ["a", "orders", "a-b_9", &"x".repeat(64)] {
            assert_eq!(Name::try_from(name).unwrap().to_string(), name);
        }
        for name in ["", "A", "a b", "a.b", "é", &"x".repeat(65)] {
            assert!(Name::try_from(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_nearest_is_found_and_the_far_is_not() {
        let known = ["timeout", "rate-limit", "retry", "hedge"];
        assert_eq!(nearest("timout", known), Some("timeout"));
        assert_eq!(nearest("rate_limit", known), Some("rate-limit"));
        assert_eq!(nearest("Retry", known), Some("retry"));
        assert_eq!(nearest("rtery", known), Some("retry"));
        assert_eq!(nearest("bananas", known), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest(&"x".repeat(1000), known), None);
    }
}
