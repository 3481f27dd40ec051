//! What layers have in common that say yes or no at once: ask in `call`, settle when the answer is there.
//!
//! [`rate_limit`](crate::rate_limit), [`breaker`](crate::breaker), [`concurrency`](crate::concurrency) and
//! [`shed`](crate::shed) are made of it, and so can be a machine of your own: give [`Admit`] for it, and a guard that
//! settles as cancelled when it is dropped.

mod future;
mod judge;
mod service;

pub use future::AdmitFuture;
pub use judge::{Judge, Judged, Verdict};
pub use service::AdmitService;

use plimsoll_policy::Rejected;

/// Lets calls through, or not.
pub trait Admit<Req> {
    /// Held while the call is under way. Dropped unsettled, it gives back what it holds as cancelled.
    type Guard;

    /// May this request go ahead now?
    ///
    /// # Errors
    /// The machine's own rejection.
    fn admit(&self, request: &Req) -> Result<Self::Guard, Rejected>;
}

/// Learns how a call ended.
pub trait Settle<Response, E> {
    /// It ended so.
    fn settle(self, result: Result<&Response, &E>);
}

/// Nothing is held, nothing is learned.
impl<Response, E> Settle<Response, E> for () {
    #[inline]
    fn settle(self, _: Result<&Response, &E>) {}
}
