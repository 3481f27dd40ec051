//! Sets of words that may grow. A word of a later version is kept as it is ([`Open`]), not refused and not lost; it is
//! bounded all the same, because it comes from outside.

use super::{ValueError, words::within};
pub use plimsoll::http::body::Open;
use serde::{Deserialize, Serialize};

/// How far an order has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Status {
    /// Taken, and to be paid.
    Placed,
    /// Paid.
    Paid,
    /// Called off.
    Cancelled,
}

/// How it reaches the customer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Delivery {
    /// Brought. What version 1 of the interface always meant.
    Post,
    /// Fetched.
    Pickup,
}

/// A set of words.
pub trait Words: Copy + 'static {
    /// The values that this version knows.
    const KNOWN: &'static [Self];

    /// The word, as it is outside and in the database.
    fn word(self) -> &'static str;
}

impl Words for Status {
    const KNOWN: &'static [Self] = &[Self::Placed, Self::Paid, Self::Cancelled];

    fn word(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Words for Delivery {
    const KNOWN: &'static [Self] = &[Self::Post, Self::Pickup];

    fn word(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Pickup => "pickup",
        }
    }
}

/// A word as it stands in the database, or comes in.
///
/// # Errors
/// Unless it is known, or 1 to 32 lower-case letters, digits and hyphens.
pub fn read<E: Words>(word: &str) -> Result<Open<E>, ValueError> {
    if let Some(known) = E::KNOWN.iter().find(|known| known.word() == word) {
        return Ok(Open::Known(*known));
    }
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if within(word, 32, allowed) {
        Ok(Open::Unknown(word.into()))
    } else {
        Err(ValueError::new("word", "1 to 32 of a-z, 0-9 and -"))
    }
}

/// The word, known or not.
pub fn word<E: Words>(open: &Open<E>) -> &str {
    match open {
        Open::Known(known) => known.word(),
        Open::Unknown(word) => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_later_version_is_kept() {
        let later = read::<Delivery>("by-drone").unwrap();
        assert_eq!((word(&later), later.known()), ("by-drone", None));
        assert_eq!(read("paid").unwrap(), Open::Known(Status::Paid));
    }

    #[test]
    fn what_is_no_word_at_all_is_not() {
        for wrong in ["", "By Drone", "a\u{0}", &"a".repeat(33)] {
            assert!(read::<Delivery>(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_database_has_the_words_of_the_wire() {
        for known in Status::KNOWN {
            assert_eq!(serde_json::to_value(known).unwrap(), known.word());
        }
        for known in Delivery::KNOWN {
            assert_eq!(serde_json::to_value(known).unwrap(), known.word());
        }
    }
}
