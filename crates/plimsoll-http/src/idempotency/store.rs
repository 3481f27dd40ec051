use super::{Fingerprint, ScopedKey, StoredResponse};
use crate::Problem;
use std::time::Duration;

/// A store of keys and their outcomes.
///
/// One key is held by one lease at a time, and only its holder changes it: a lease that expired and was taken over changes
/// nothing any more.
///
/// This must hold between processes that share the store. Every method must be safe to drop half-way: it has had its effect
/// or has not.
pub trait Store: Send + Sync + 'static {
    /// The store's error.
    type Error: Into<Problem> + Send;

    /// Takes the key for a request with this fingerprint, for the time `lease`, if it is free; otherwise returns its state.
    ///
    /// A request with the same fingerprint takes over an expired lease. After `keep` without a response any request may
    /// have the key.
    fn begin(
        &self,
        key: ScopedKey,
        fingerprint: Fingerprint,
        lease: Duration,
        keep: Duration,
    ) -> impl Future<Output = Result<Begun, Self::Error>> + Send;

    /// Stores the outcome for the time `keep`, and ends the lease.
    fn complete(
        &self,
        lease: &Lease,
        outcome: &Outcome,
        keep: Duration,
    ) -> impl Future<Output = Result<Completed, Self::Error>> + Send;

    /// Frees the key, if this lease still has it and no outcome was stored.
    fn release(&self, lease: &Lease) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// The right to process the request of a key, for a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lease {
    /// The key.
    pub key: ScopedKey,
    /// The fencing token: the number of the lease, which no other lease of the key has, so that a former holder is
    /// recognized.
    pub token: i64,
}

/// The result of a request for a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Begun {
    /// The request holds the lease.
    Ours(Lease),
    /// Another request with the key is in progress.
    InFlight,
    /// The request was processed before.
    Done(Outcome),
    /// Another request was sent under this key.
    Reused,
}

/// The stored result of the work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The response, to be replayed.
    Stored(StoredResponse),
    /// The request was processed; its response was too large to be kept, or broke off.
    Unkept,
}

/// The result of storing an outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Completed {
    /// It is stored.
    Kept,
    /// The lease had expired and was taken over, or an outcome was stored before: nothing was changed.
    Lost,
}
