use plimsoll_policy::{Limit, Reason, RejectedError};

/// An error of a call through a layer of this crate: a rejection, a limit that ran out, or the inner service's own error.
///
/// ```
/// use plimsoll_policy::{Machine, Reason, RejectedError};
/// use plimsoll_tower::Error;
///
/// let error: Error<std::io::Error> = RejectedError::new(Machine::Breaker, Reason::CircuitOpen).into();
/// assert_eq!(error.to_string(), "rejected by breaker: circuit-open");
/// assert!(error.rejected().is_some() && error.inner().is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error<E> {
    /// A machine rejected the call.
    #[error(transparent)]
    Rejected(#[from] RejectedError),
    /// This limit ran out.
    #[error("the {} limit ran out", .0.name())]
    TimedOut(Limit),
    /// The inner service failed with this error.
    #[error(transparent)]
    Inner(E),
}

impl<E> Error<E> {
    /// Returns the rejection, if it is one.
    pub const fn rejected(&self) -> Option<&RejectedError> {
        if let Self::Rejected(rejected) = self { Some(rejected) } else { None }
    }

    /// Returns the limit that ran out, if one did: one of the policy's, or a deadline that had passed before the call.
    pub const fn timed_out(&self) -> Option<Limit> {
        match self {
            Self::TimedOut(limit) => Some(*limit),
            Self::Rejected(RejectedError { reason: Reason::DeadlineExceeded, .. }) => Some(Limit::Total),
            Self::Rejected(_) | Self::Inner(_) => None,
        }
    }

    /// Returns the inner service's own error, if it is one.
    pub const fn inner(&self) -> Option<&E> {
        if let Self::Inner(inner) = self { Some(inner) } else { None }
    }

    /// Converts into the inner service's own error, if it is one.
    pub fn into_inner(self) -> Option<E> {
        if let Self::Inner(inner) = self { Some(inner) } else { None }
    }

    /// Converts the inner error, if there is one, by `map`.
    pub fn map_inner<F>(self, map: impl FnOnce(E) -> F) -> Error<F> {
        match self {
            Self::Rejected(rejected) => Error::Rejected(rejected),
            Self::TimedOut(limit) => Error::TimedOut(limit),
            Self::Inner(inner) => Error::Inner(map(inner)),
        }
    }
}

impl<E> Error<Error<E>> {
    /// Merges the errors of two nested layers into one. The rejection itself still names the machine.
    pub fn flatten(self) -> Error<E> {
        match self {
            Self::Rejected(rejected) => Error::Rejected(rejected),
            Self::TimedOut(limit) => Error::TimedOut(limit),
            Self::Inner(inner) => inner,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_policy::Machine;
    use std::{error::Error as _, io};

    #[test]
    fn the_inner_error_is_the_inner_services_own() {
        let error = Error::Inner(io::Error::other("boom"));
        assert_eq!(error.to_string(), "boom");
        assert!(error.source().is_none(), "nothing stands between the error and its own source");
        assert_eq!(
            Error::<io::Error>::TimedOut(Limit::FirstByte).to_string(),
            "the first-byte limit ran out"
        );
    }

    #[test]
    fn two_layers_fold_into_one() {
        let late = RejectedError::new(Machine::Deadline, Reason::DeadlineExceeded);
        let nested: Error<Error<u8>> = Error::Inner(Error::Rejected(late));
        assert_eq!(nested.flatten(), Error::Rejected(late));
        assert_eq!(nested.flatten().timed_out(), Some(Limit::Total));
        assert_eq!(Error::Inner(Error::Inner(7)).flatten().into_inner(), Some(7));
        assert_eq!(Error::Inner(7).map_inner(|seven| seven + 1), Error::Inner(8));
    }
}
