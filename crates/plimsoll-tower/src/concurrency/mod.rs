//! Adaptive concurrency: as many calls in flight as the peer is seen to bear ([`plimsoll_policy::concurrency`]).
//!
//! What does not fit is refused at once; put a [`bulkhead`](crate::bulkhead) before it where calls should rather wait.
//! How long a call took is taken from the inner service's future: streaming bodies do not count.

mod layer;

pub use layer::ConcurrencyLayer;
