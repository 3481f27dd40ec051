//! Retries: a failed call is made again if its cause, its request, the budget and the time left allow it
//! ([`plimsoll_policy::retry`]).
//!
//! This is the [fused layer](crate::policy) with retries alone: the same machine, the same future. A request is sent again
//! only if [`Describe`](crate::Describe) calls it idempotent (or it provably never arrived), only if
//! [`Replay`](crate::Replay) can repeat it, and never past the deadline. The inner service is polled for readiness before
//! each attempt.
//!
//! Compared with `tower::retry`: the budget counts in thousandths, so that none of its shares truncates; backoff,
//! jitter and `Retry-After` are part of it; a request that cannot be sent again is sent once instead of being refused.
//!
//! Around a layer that refuses calls itself (a breaker, a bulkhead) classify with [`Nested`](crate::classify::Nested): a
//! refusal is then neither retried nor held against the peer. For one budget of retries and hedges together use
//! [`PolicyLayer`](crate::PolicyLayer).

mod layer;

pub use layer::{RetryHandle, RetryLayer};
