//! Sets of words that may grow: a word of a later version is kept as it is, not refused and not lost.

use super::Invalid;
use super::words::{within, word};
use serde::{Deserialize, Serialize};
use std::fmt;

word!(
    /// A word that this version does not know: 1 to 32 lower-case letters, digits and hyphens.
    Label,
    "label",
    "1 to 32 of a-z, 0-9 and -",
    |text| within(text, 32, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
);

macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$of_variant:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$of_variant])* $variant,)+
            /// A word of a later version.
            Other(Label),
        }

        impl $name {
            /// The word, as it is outside and in the database.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(label) => label.as_str(),
                }
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Invalid;

            fn try_from(text: &str) -> Result<Self, Invalid> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    later => Label::try_from(later).map(Self::Other),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::try_from(text.as_str())
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

open_enum!(
    /// How far an order has come.
    Status {
        /// Taken, and to be paid.
        Placed = "placed",
        /// Paid.
        Paid = "paid",
        /// Called off.
        Cancelled = "cancelled",
    }
);
open_enum!(
    /// How it reaches the customer.
    #[derive(Default)]
    Delivery {
        /// Brought. What version 1 of the interface always meant.
        #[default]
        Post = "post",
        /// Fetched.
        Pickup = "pickup",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_later_version_is_kept() {
        let later = Delivery::try_from("by-drone").unwrap();
        assert!(matches!(later, Delivery::Other(_)));
        assert_eq!(String::from(later), "by-drone");
        assert_eq!(serde_json::from_str::<Status>("\"paid\"").unwrap(), Status::Paid);
        assert_eq!(
            serde_json::to_string(&Status::try_from("half-shipped").unwrap()).unwrap(),
            "\"half-shipped\""
        );
    }

    #[test]
    fn what_is_no_word_at_all_is_not() {
        for wrong in ["", "By Drone", "a\u{0}", &"a".repeat(33)] {
            assert!(Delivery::try_from(wrong).is_err(), "{wrong:?}");
        }
    }
}
