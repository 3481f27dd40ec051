//! Errors that are problems by themselves.

use super::Problem;
use plimsoll_task::{deadline::DeadlineExceededError, pool::PoolError};
use std::{convert::Infallible, error::Error};

impl From<Infallible> for Problem {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Converts the error of a stack of foreign layers. A [`Problem`], a policy's rejection, a deadline or a pool's refusal
/// within becomes its own problem, every other error [`Problem::internal`].
impl From<Box<dyn Error + Send + Sync>> for Problem {
    fn from(error: Box<dyn Error + Send + Sync>) -> Self {
        let timeout_or_rejection = |error: Box<dyn Error + Send + Sync>| {
            error.downcast::<plimsoll_tower::Error<Infallible>>().map(|error| Self::from(*error))
        };
        error
            .downcast::<Self>()
            .map(|problem| *problem)
            .or_else(|error| {
                error.downcast::<plimsoll_policy::RejectedError>().map(|rejected| (*rejected).into())
            })
            .or_else(|error| error.downcast::<DeadlineExceededError>().map(|late| (*late).into()))
            .or_else(|error| error.downcast::<PoolError>().map(|error| (*error).into()))
            .or_else(timeout_or_rejection)
            .unwrap_or_else(Self::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use plimsoll_policy::{Limit, Machine, Reason, RejectedError};

    #[test]
    fn a_boxed_error_becomes_the_problem_of_the_error_within() {
        let kind = |error: Box<dyn Error + Send + Sync>| Problem::from(error).kind();
        let rejected = RejectedError::new(Machine::Breaker, Reason::CircuitOpen);
        assert_eq!(kind(Box::new(Problem::conflict("x"))), Kind::Conflict);
        assert_eq!(kind(Box::new(rejected)), Kind::CircuitOpen);
        let timed_out = plimsoll_tower::Error::<Infallible>::TimedOut(Limit::Total);
        assert_eq!(kind(Box::new(timed_out)), Kind::DeadlineExceeded);
        assert_eq!(kind(Box::new(PoolError::Late)), Kind::DeadlineExceeded);
        assert_eq!(kind("anything else".into()), Kind::Internal);
    }
}
