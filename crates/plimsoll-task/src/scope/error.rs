use crate::PanicError;
use std::{error, fmt};

/// Why a scope, or a window, gave no value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// A child, or the body, returned this.
    Failed(E),
    /// A child panicked.
    Panicked(PanicError),
    /// Something was dropped before it was done, because the scope was cancelled or its runtime shut down.
    Cancelled,
    /// Something was dropped before it was done, because the scope's deadline had passed.
    DeadlineExceeded,
    /// A child was refused: as many as may be were alive.
    Full,
}

impl<E> Error<E> {
    /// The error of the work itself, if that was it.
    pub fn into_failed(self) -> Option<E> {
        if let Self::Failed(error) = self { Some(error) } else { None }
    }

    /// Another type for the error of the work.
    pub fn map<F>(self, map: impl FnOnce(E) -> F) -> Error<F> {
        match self {
            Self::Failed(error) => Error::Failed(map(error)),
            Self::Panicked(panicked) => Error::Panicked(panicked),
            Self::Cancelled => Error::Cancelled,
            Self::DeadlineExceeded => Error::DeadlineExceeded,
            Self::Full => Error::Full,
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Panicked(panicked) => panicked.fmt(f),
            Self::Cancelled => f.write_str("cancelled before it was done"),
            Self::DeadlineExceeded => f.write_str("the deadline passed before it was done"),
            Self::Full => f.write_str("too many tasks in one scope"),
        }
    }
}

impl<E: error::Error + 'static> error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            // It shows itself as the inner one, so it has the inner one's cause.
            Self::Failed(error) => error.source(),
            _ => None,
        }
    }
}

/// Everything that went wrong in a scope that goes on after errors, in order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregateError<E> {
    pub(crate) errors: Vec<Error<E>>,
    pub(crate) omitted: usize,
}

impl<E> AggregateError<E> {
    /// The first ones: never empty.
    pub fn errors(&self) -> &[Error<E>] {
        &self.errors
    }

    /// How many more there were than are kept.
    pub const fn omitted(&self) -> usize {
        self.omitted
    }

    /// The first ones.
    pub fn into_errors(self) -> Vec<Error<E>> {
        self.errors
    }
}

impl<E: fmt::Display> fmt::Display for AggregateError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { "" } else { "; " })?;
        }
        if self.omitted > 0 { write!(f, "; and {} more", self.omitted) } else { Ok(()) }
    }
}

impl<E: error::Error + 'static> error::Error for AggregateError<E> {}

/// Why a child gave no value to its handle's awaiter. The child's own error goes to the scope, which owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// It returned an error.
    #[error("the task failed")]
    Failed,
    /// It panicked.
    #[error("the task panicked")]
    Panicked,
    /// It was dropped before its end, or never begun.
    #[error("the task was cancelled")]
    Cancelled,
}
