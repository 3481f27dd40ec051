//! What an answer or an error means to the machines: the user knows, and says so by [`Classify`].
//!
//! | ready-made | for |
//! | --- | --- |
//! | [`ByResult`] | anything: `Ok` is a success, `Err` a broken connection. The default |
//! | [`HttpStatus`] | any `http::Response`: 5xx fail, 429 asks to slow down, `Retry-After` is read |
//! | [`GrpcStatus`] | gRPC over it: `grpc-status` and `grpc-retry-pushback-ms` of an answer without messages |
//! | a closure | `Fn(Result<&Response, &E>) -> Settlement` |

mod grpc;
mod http;
mod lack;

pub use grpc::GrpcStatus;
pub use http::HttpStatus;
pub use lack::{ResolveError, connect, is_exhaustion, is_our_lack};

use plimsoll_policy::{Failure, Settlement};

/// Says what came of an attempt.
///
/// Called once an attempt, on the hot path: it should neither block nor allocate.
pub trait Classify<Response, E> {
    /// What the machines should learn of this answer, or of this error.
    fn classify(&self, result: Result<&Response, &E>) -> Settlement;
}

/// `Ok` went well; `Err` means that the connection, or what came over it, broke: retried where resets are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ByResult;

impl<Response, E> Classify<Response, E> for ByResult {
    #[inline]
    fn classify(&self, result: Result<&Response, &E>) -> Settlement {
        match result {
            Ok(_) => Settlement::SUCCESS,
            Err(_) => Settlement::failure(Failure::Broken),
        }
    }
}

impl<Response, E, F: Fn(Result<&Response, &E>) -> Settlement> Classify<Response, E> for F {
    #[inline]
    fn classify(&self, result: Result<&Response, &E>) -> Settlement {
        self(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closure_will_do() {
        let classify = |result: Result<&u16, &()>| match result {
            Ok(500..) => Settlement::failure(Failure::Answer),
            Ok(_) => Settlement::SUCCESS,
            Err(()) => Settlement::failure(Failure::Connect),
        };
        assert!(classify.classify(Ok(&503)).outcome.is_failure());
        assert!(classify.classify(Err(&())).untouched);
    }
}
