use super::ValueError;
use std::fmt;

/// An amount in hundredths of its currency, from 0 to a thousand million units.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Cents(i64);

impl Cents {
    /// Small enough that the sum of all lines of an order cannot overflow.
    const MOST: i64 = 100_000_000_000;
    const EXPECTED: ValueError = ValueError::new("amount", "hundredths, from 0 to 100000000000");

    /// The number, for the database and for the wire.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// So many of them.
    ///
    /// # Errors
    /// If that is more than an amount may be.
    pub fn times(self, quantity: u32) -> Result<Self, ValueError> {
        self.0.checked_mul(i64::from(quantity)).ok_or(Self::EXPECTED).and_then(Self::try_from)
    }

    /// Both together.
    ///
    /// # Errors
    /// If that is more than an amount may be.
    pub fn plus(self, other: Self) -> Result<Self, ValueError> {
        Self::try_from(self.0 + other.0)
    }
}

impl TryFrom<i64> for Cents {
    type Error = ValueError;

    fn try_from(cents: i64) -> Result<Self, ValueError> {
        if (0..=Self::MOST).contains(&cents) { Ok(Self(cents)) } else { Err(Self::EXPECTED) }
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Three capital letters, as in ISO 4217. Euro where nobody says anything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The currency that version 1 of the interface implies.
    pub const EURO: Self = Self(*b"EUR");

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("EUR")
    }
}

impl Default for Currency {
    fn default() -> Self {
        Self::EURO
    }
}

impl TryFrom<&str> for Currency {
    type Error = ValueError;

    fn try_from(text: &str) -> Result<Self, ValueError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
            _ => Err(ValueError::new("currency", "three capital letters, as in EUR")),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_two_decimals_and_an_end() {
        assert_eq!(Cents::try_from(1_205).unwrap().to_string(), "12.05");
        let most = Cents::try_from(Cents::MOST).unwrap();
        assert!(most.plus(Cents::try_from(1).unwrap()).is_err());
        assert!(most.times(u32::MAX).is_err());
        assert!(Cents::try_from(-1).is_err());
    }

    #[test]
    fn a_currency_is_three_capitals() {
        assert_eq!(Currency::try_from("SEK").unwrap().as_str(), "SEK");
        for wrong in ["", "EU", "EURO", "eur", "E€"] {
            assert!(Currency::try_from(wrong).is_err(), "{wrong:?}");
        }
    }
}
