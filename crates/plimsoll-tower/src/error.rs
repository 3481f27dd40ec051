use plimsoll_policy::{Limit, Reason, Rejected};

/// How a call through a layer of this crate can fail: a machine said no, a limit ran out, or the inner service's own error.
///
/// ```
/// use plimsoll_policy::{Machine, Reason, Rejected};
/// use plimsoll_tower::Error;
///
/// let error: Error<std::io::Error> = Rejected::new(Machine::Breaker, Reason::CircuitOpen).into();
/// assert_eq!(error.to_string(), "rejected by breaker: circuit-open");
/// assert!(error.rejected().is_some() && error.inner().is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error<E> {
    /// A machine did not let the call through.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// This limit ran out first.
    #[error("the {} limit ran out", .0.name())]
    TimedOut(Limit),
    /// The inner service failed, as it says itself.
    #[error(transparent)]
    Inner(E),
}

impl<E> Error<E> {
    /// The rejection, if it is one.
    pub const fn rejected(&self) -> Option<&Rejected> {
        if let Self::Rejected(rejected) = self { Some(rejected) } else { None }
    }

    /// The limit that ran out, if one did: one of ours, or a deadline that was over before anything began.
    pub const fn timed_out(&self) -> Option<Limit> {
        match self {
            Self::TimedOut(limit) => Some(*limit),
            Self::Rejected(Rejected { reason: Reason::DeadlineExceeded, .. }) => Some(Limit::Total),
            Self::Rejected(_) | Self::Inner(_) => None,
        }
    }

    /// The inner service's own error, if it is one.
    pub const fn inner(&self) -> Option<&E> {
        if let Self::Inner(inner) = self { Some(inner) } else { None }
    }

    /// The inner service's own error, if it is one.
    pub fn into_inner(self) -> Option<E> {
        if let Self::Inner(inner) = self { Some(inner) } else { None }
    }

    /// The same with another inner error.
    pub fn map_inner<F>(self, map: impl FnOnce(E) -> F) -> Error<F> {
        match self {
            Self::Rejected(rejected) => Error::Rejected(rejected),
            Self::TimedOut(limit) => Error::TimedOut(limit),
            Self::Inner(inner) => Error::Inner(map(inner)),
        }
    }
}

impl<E> Error<Error<E>> {
    /// One layer's error instead of two layers': which of them it was is in the rejection itself.
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
        let late = Rejected::new(Machine::Deadline, Reason::DeadlineExceeded);
        let nested: Error<Error<u8>> = Error::Inner(Error::Rejected(late));
        assert_eq!(nested.flatten(), Error::Rejected(late));
        assert_eq!(nested.flatten().timed_out(), Some(Limit::Total));
        assert_eq!(Error::Inner(Error::Inner(7)).flatten().into_inner(), Some(7));
        assert_eq!(Error::Inner(7).map_inner(|seven| seven + 1), Error::Inner(8));
    }
}
