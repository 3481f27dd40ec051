//! Words from outside: each is checked once, where it comes in, and its type says so from there on.

use super::ValueError;
use std::fmt;

/// A word with a rule: `TryFrom<&str>` is the only way to one.
macro_rules! word {
    ($(#[$meta:meta])* $name:ident, $what:literal, $expected:literal, $fits:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(Box<str>);

        impl $name {
            /// The word itself.
            pub const fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = ValueError;

            fn try_from(text: &str) -> Result<Self, ValueError> {
                let fits: fn(&str) -> bool = $fits;
                if fits(text) { Ok(Self(text.into())) } else { Err(ValueError::new($what, $expected)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

word!(
    /// A customer: 1 to 64 lower-case letters, digits and hyphens.
    CustomerId,
    "customer",
    "1 to 64 of a-z, 0-9 and -",
    |text| within(text, 64, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
);
word!(
    /// A stock-keeping unit: 1 to 32 capital letters, digits and hyphens.
    Sku,
    "sku",
    "1 to 32 of A-Z, 0-9 and -",
    |text| within(text, 32, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-')
);
word!(
    /// The customer's own name for the order: 1 to 64 printable characters of ASCII.
    Reference,
    "reference",
    "1 to 64 printable characters of ASCII",
    |text| within(text, 64, |byte| byte == b' ' || byte.is_ascii_graphic())
);
word!(
    /// A few lines for whoever packs it: up to 500 characters, none of them a control character but the newline.
    Note,
    "note",
    "up to 500 characters without control characters",
    |text| text.chars().count() <= 500 && text.chars().all(|each| each == '\n' || !each.is_control())
);

pub(super) fn within(text: &str, longest: usize, allowed: fn(u8) -> bool) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(allowed)
}

/// An order's number, from 1; `o-17` outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OrderId(i64);

impl OrderId {
    const EXPECTED: ValueError = ValueError::new("order id", "o- and a number, as in o-17");

    /// The number, for the database.
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for OrderId {
    type Error = ValueError;

    fn try_from(number: i64) -> Result<Self, ValueError> {
        if number > 0 { Ok(Self(number)) } else { Err(Self::EXPECTED) }
    }
}

impl TryFrom<&str> for OrderId {
    type Error = ValueError;

    fn try_from(text: &str) -> Result<Self, ValueError> {
        let digits = text.strip_prefix("o-").ok_or(Self::EXPECTED)?;
        let id = Self::try_from(digits.parse::<i64>().map_err(|_| Self::EXPECTED)?)?;
        // One order has one name: no leading zeros, no plus sign.
        if id.0.to_string() == digits { Ok(id) } else { Err(Self::EXPECTED) }
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "o-{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_one_name() {
        assert_eq!(OrderId::try_from("o-17").unwrap().to_string(), "o-17");
        for wrong in ["", "17", "o-", "o-0", "o--1", "o-+1", "o-017", "o-1 ", "o-9223372036854775808", "o-１"]
        {
            assert!(OrderId::try_from(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn words_keep_to_their_rules() {
        assert_eq!(Sku::try_from("ANCHOR-10").unwrap().as_str(), "ANCHOR-10");
        assert!(Sku::try_from("anchor").is_err());
        assert!(Sku::try_from("").is_err());
        assert!(CustomerId::try_from("a".repeat(65).as_str()).is_err());
        assert!(Reference::try_from("two\nlines").is_err());
        assert!(Note::try_from("two\nlines").is_ok());
        assert!(Note::try_from("a\u{0}b").is_err());
    }
}
