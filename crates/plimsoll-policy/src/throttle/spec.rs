use crate::units::ValueError;
use std::time::Duration;

/// How many times the accepted requests are sent on: at least 1.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Multiplier(f64);

impl Multiplier {
    /// The factor, from 1 to 1000.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Multiplier {
    type Error = ValueError;

    fn try_from(value: f64) -> Result<Self, ValueError> {
        if (1.0..=1000.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(ValueError::new("a multiplier from 1 to 1000, such as 2.0", value))
        }
    }
}

/// Client-side throttling.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ThrottleSpec {
    /// K: how many times what the peer accepts is still sent.
    pub k: Multiplier,
    /// Over what it is counted.
    pub window: Duration,
}

impl Default for ThrottleSpec {
    /// K = 2 over two minutes.
    fn default() -> Self {
        Self { k: Multiplier(2.0), window: Duration::from_secs(120) }
    }
}
