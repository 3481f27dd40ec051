//! Load shedding: while queues are standing, the least important calls are rejected ([`plimsoll_policy::shed`]).
//!
//! A shedder needs to be told how long calls have waited. Three ways:
//!
//! - a [`BulkheadLayer`](crate::BulkheadLayer) below it that [feeds](crate::BulkheadLayer::feeding) it with the waits in
//!   its queue, which it then serves newest first while the shedder demands it;
//! - a queue of your own: call [`waited`](plimsoll_policy::shed::Shedder::waited) for each call that leaves it, including
//!   those that did not wait;
//! - the fused [`PolicyLayer`](crate::PolicyLayer), which does the first by itself.
//!
//! Without these reports it admits everything.

mod layer;

pub use layer::{AdmitByPriority, ShedLayer};
