//! Adaptive concurrency: a limit on calls in flight that follows the measured latency ([`plimsoll_policy::concurrency`]).
//!
//! Calls over the limit are refused at once; put a [`bulkhead`](crate::bulkhead) before it if calls should wait instead.
//! A call's duration is that of the inner service's future: streaming bodies do not count.

mod layer;

pub use layer::ConcurrencyLayer;
