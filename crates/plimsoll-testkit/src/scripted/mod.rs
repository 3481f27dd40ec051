//! An inner service that does as told and keeps a record.

mod future;
mod service;
mod state;

pub use future::ScriptedFuture;
pub use service::Scripted;
pub use state::Record;

use std::time::Duration;

/// The behaviour of one call of a [`Scripted`] service.
#[derive(Clone, Debug)]
pub enum Step<Res, E> {
    /// Ends at its first poll.
    Now(Result<Res, E>),
    /// Ends so much later, by tokio's clock.
    After(Duration, Result<Res, E>),
    /// Ends when [`Scripted::release`] is called.
    Held(Result<Res, E>),
    /// Never ends.
    Never,
    /// Panics in `call`.
    PanicInCall,
    /// Panics at its first poll.
    PanicInPoll,
}

/// The error of a scripted call: a typed one of our own, so that a test sees whether it comes through as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BrokenError(
    /// Which one.
    pub u32,
);

impl std::fmt::Display for BrokenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "broken on purpose ({})", self.0)
    }
}

impl std::error::Error for BrokenError {}
