//! Quantities that cannot be wrong: each is validated where it is made, by `TryFrom` or `FromStr`.

mod backoff_range;
mod duration;
mod rate;
mod ratio;

pub use backoff_range::BackoffRange;
pub use duration::{Span, duration};
pub use rate::{Burst, Rate};
pub use ratio::Ratio;

/// A quantity that was refused, and what would have been right.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct Invalid {
    /// What the place takes, with an example.
    pub expected: &'static str,
    /// What stood there.
    pub found: String,
}

impl Invalid {
    /// A refusal: what the place takes, and what stood there.
    pub fn new(expected: &'static str, found: impl std::fmt::Display) -> Self {
        Self { expected, found: found.to_string() }
    }
}
