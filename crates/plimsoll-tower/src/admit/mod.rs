//! The common part of layers that admit or refuse at once: admission in `call`, settlement when the response is there.
//!
//! [`rate_limit`](crate::rate_limit), [`breaker`](crate::breaker), [`concurrency`](crate::concurrency) and
//! [`shed`](crate::shed) are made of it. For a machine of your own implement [`Admit`], with a guard that settles as
//! cancelled when it is dropped.

mod future;
mod outcome;
mod service;

pub use future::AdmitFuture;
pub use outcome::{AdmitByOutcome, MachineGuard, OutcomeMachine};
pub use service::AdmitService;

use plimsoll_policy::RejectedError;

/// Admission control in front of a service.
pub trait Admit<Req> {
    /// The guard held while the call is in flight. Dropped unsettled, it settles as cancelled.
    type Guard;

    /// Admits this request now, or refuses it.
    ///
    /// # Errors
    /// The machine's own rejection.
    fn admit(&self, request: &Req) -> Result<Self::Guard, RejectedError>;
}

/// A guard that takes a call's result.
pub trait Settle<Response, E> {
    /// Ends the call with this result.
    fn settle(self, result: Result<&Response, &E>);
}

/// The guard of machines that hold nothing and learn nothing.
impl<Response, E> Settle<Response, E> for () {
    #[inline]
    fn settle(self, _: Result<&Response, &E>) {}
}
