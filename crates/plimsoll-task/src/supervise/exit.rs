use crate::PanicError;
use std::{convert::Infallible, fmt};

/// The way a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// It finished.
    Finished,
    /// It failed with this error, formatted by `{:#}`.
    Failed(String),
    /// It panicked.
    Panicked(PanicError),
    /// It was asked to stop, and dropped because it did not stop within its grace.
    Dropped,
}

impl Exit {
    /// Returns whether it was an error or a panic.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Panicked(_))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::Failed(error) => write!(f, "failed: {error}"),
            Self::Panicked(panicked) => panicked.fmt(f),
            Self::Dropped => f.write_str("dropped"),
        }
    }
}

/// The output of a supervised future: nothing, or a result whose error can be displayed.
pub trait Outcome: Send + 'static {
    /// Converts the output to an exit.
    fn exit(self) -> Exit;
}

impl Outcome for () {
    fn exit(self) -> Exit {
        Exit::Finished
    }
}

impl Outcome for Infallible {
    fn exit(self) -> Exit {
        match self {}
    }
}

impl<E: fmt::Display + Send + 'static> Outcome for Result<(), E> {
    /// Shown by `{:#}`, which is the whole chain for errors like anyhow's.
    fn exit(self) -> Exit {
        match self {
            Ok(()) => Exit::Finished,
            Err(error) => Exit::Failed(format!("{error:#}")),
        }
    }
}
