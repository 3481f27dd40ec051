//! Classification of responses and errors for the machines, by an implementation of [`Classify`].
//!
//! | ready-made | for |
//! | --- | --- |
//! | [`ByResult`] | anything: `Ok` is a success, `Err` a broken connection. The default |
//! | [`HttpStatus`] | any `http::Response`: 5xx fail, 429 asks to slow down, `Retry-After` is read |
//! | [`GrpcStatus`] | gRPC over it: `grpc-status` and `grpc-retry-pushback-ms` of a response without messages |
//! | a closure | `Fn(Result<&Response, &E>) -> Settlement` |
//!
//! They are those of [`plimsoll_driver::classify`], which the outbound client and the gateway use as well. Around another
//! layer of this crate the error is an [`Error`]: wrap the classification in [`Nested`], so that a refusal of our own is
//! not held against the peer and is not tried again.

pub use plimsoll_driver::classify::{ByResult, Classify, GrpcStatus, HttpStatus};

use crate::Error;
use plimsoll_policy::{Failure, Settlement};

/// A classification of the results of another layer of this crate.
///
/// A rejection counts as cancelled (the peer had no part in it) and is not tried again; a limit that ran out is a
/// timeout; anything else goes to the inner classification.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Nested<C>(
    /// The classification of the peer's own responses and errors.
    pub C,
);

impl<Response, E, C: Classify<Response, E>> Classify<Response, Error<E>> for Nested<C> {
    #[inline]
    fn classify(&self, result: Result<&Response, &Error<E>>) -> Settlement {
        match result {
            Ok(response) => self.0.classify(Ok(response)),
            Err(Error::Inner(inner)) => self.0.classify(Err(inner)),
            Err(Error::TimedOut(_)) => Settlement::failure(Failure::Timeout),
            Err(Error::Rejected(_)) => Settlement::CANCELLED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_policy::{Limit, Machine, Outcome, Reason, RejectedError};

    #[test]
    fn a_refusal_of_ours_is_no_failure_of_the_peer() {
        let nested = Nested(ByResult);
        let said = |result: Result<&(), &Error<()>>| nested.classify(result);
        let open = Error::Rejected(RejectedError::new(Machine::Breaker, Reason::CircuitOpen));
        assert_eq!(said(Err(&open)), Settlement::CANCELLED);
        assert_eq!(said(Err(&Error::TimedOut(Limit::Attempt))).outcome, Outcome::Failure(Failure::Timeout));
        assert_eq!(said(Err(&Error::Inner(()))).outcome, Outcome::Failure(Failure::Broken));
        assert_eq!(said(Ok(&())), Settlement::SUCCESS);
    }
}
