//! Retries: a call that failed is made again, if its cause, its request, the budget and the time left allow it
//! ([`plimsoll_policy::retry`]).
//!
//! It is the [fused layer](crate::policy) with nothing but retries: the same machine, the same future. So a request is sent
//! again only if [`Describe`](crate::Describe) calls it idempotent (or it provably never arrived), only if
//! [`Replay`](crate::Replay) can, and never past the deadline; an instance of the inner service is polled for readiness
//! before each attempt.
//!
//! Compared with `tower::retry`: the budget counts in thousandths, so that none of its shares truncates; backoff,
//! jitter and `Retry-After` are part of it; a request that cannot be sent again is sent once instead of being refused.
//!
//! Around a layer that refuses by itself (a breaker, a bulkhead) classify with [`Nested`](crate::classify::Nested): a
//! refusal is then neither retried nor held against the peer. One budget for retries and hedges together is what
//! [`PolicyLayer`](crate::PolicyLayer) has.

mod layer;

pub use layer::{RetryHandle, RetryLayer};
