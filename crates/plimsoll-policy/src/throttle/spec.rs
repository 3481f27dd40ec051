use crate::units::ValueError;
use std::time::Duration;

/// The factor K, at least 1: so many times the accepted requests are sent.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Multiplier(f64);

impl Multiplier {
    /// Returns the factor, from 1 to 1000.
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

/// The settings of client-side throttling.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ThrottleSpec {
    /// The factor K: so many times the accepted requests are sent.
    pub k: Multiplier,
    /// The length of the window.
    pub window: Duration,
}

impl Default for ThrottleSpec {
    /// K = 2 over two minutes.
    fn default() -> Self {
        Self { k: Multiplier(2.0), window: Duration::from_secs(120) }
    }
}
