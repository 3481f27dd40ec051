//! Validated quantities: each is checked where it is made, by `TryFrom` or `FromStr`.

mod backoff_range;
mod duration;
mod rate;
mod ratio;

pub use backoff_range::BackoffRange;
pub use duration::{Span, duration};
pub use rate::{Burst, Rate};
pub use ratio::Ratio;

/// An invalid value of a unit, with the expected form.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct ValueError {
    /// The expected form, with an example.
    pub expected: &'static str,
    /// The value that was found.
    pub found: String,
}

impl ValueError {
    /// An error with the expected form and the value that was found.
    pub fn new(expected: &'static str, found: impl std::fmt::Display) -> Self {
        Self { expected, found: found.to_string() }
    }
}
