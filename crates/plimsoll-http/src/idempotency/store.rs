use super::{Fingerprint, ScopedKey, StoredResponse};
use crate::Problem;
use std::time::Duration;

/// Where it is kept what was done under a key.
///
/// One key is held by one lease at a time, and every change is made by whoever holds it: a lease that ran out and was
/// taken over changes nothing any more.
///
/// All of it must hold between processes that share the store, and every method must be safe to be dropped half-way:
/// it has had its effect or has not.
pub trait Store: Send + Sync + 'static {
    /// The store's error.
    type Error: Into<Problem> + Send;

    /// Takes the key for a request with this fingerprint, for as long as `lease`, if nobody has it; else says who has.
    ///
    /// A lease that ran out is taken over by a request with the same fingerprint. After `keep` without a response
    /// anybody may have the key.
    fn begin(
        &self,
        key: ScopedKey,
        fingerprint: Fingerprint,
        lease: Duration,
        keep: Duration,
    ) -> impl Future<Output = Result<Begun, Self::Error>> + Send;

    /// Keeps the outcome for as long as `keep`, and ends the lease.
    fn complete(
        &self,
        lease: &Lease,
        outcome: &Outcome,
        keep: Duration,
    ) -> impl Future<Output = Result<Completed, Self::Error>> + Send;

    /// Frees the key, if this lease still has it and nothing was kept.
    fn release(&self, lease: &Lease) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// The right to answer for a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lease {
    /// Of which key.
    pub key: ScopedKey,
    /// Which of the leases that the key ever had: no two have the same, so that a former holder is known (a fencing
    /// token).
    pub token: i64,
}

/// The result of a request for a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Begun {
    /// It is this request's to do.
    Ours(Lease),
    /// It is under way.
    InFlight,
    /// It was done.
    Done(Outcome),
    /// Another request was sent under this key.
    Reused,
}

/// The kept result of the work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The response, to be given again.
    Answered(StoredResponse),
    /// That it was done: the response was too large to be kept, or broke off.
    Unkept,
}

/// The result of an attempt to keep an outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Completed {
    /// It is kept.
    Kept,
    /// The lease had run out and was taken over, or something was kept before: nothing was changed.
    Lost,
}
