use crate::{Kind, Problem};

/// The reason why a body broke off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BodyError<E> {
    /// It is larger than the limit.
    #[error("the body is too large")]
    TooLarge,
    /// It did not arrive in time.
    #[error("the body took too long to arrive")]
    TooSlow,
    /// The body's own error.
    #[error(transparent)]
    Inner(E),
}

impl<E> BodyError<E> {
    /// Returns the problem to respond with, unless the error is the body's own.
    pub fn problem(&self) -> Option<Problem> {
        match self {
            Self::TooLarge => Some(Problem::new(Kind::BodyTooLarge)),
            Self::TooSlow => Some(Problem::new(Kind::RequestTimeout)),
            Self::Inner(_) => None,
        }
    }
}
