//! Load shedding: while queues are standing, the least important calls go first ([`plimsoll_policy::shed`]).
//!
//! A shedder needs to be told how long calls have waited. Three ways:
//!
//! - a [`BulkheadLayer`](crate::BulkheadLayer) below it that [feeds](crate::BulkheadLayer::feeding) it: the waits in its
//!   line, which it then also serves newest first while the shedder says so;
//! - a queue of your own: call [`Shedder::waited`] for each call that leaves it, those that did not wait too;
//! - the fused [`PolicyLayer`](crate::PolicyLayer), which does the first by itself.
//!
//! Unfed, it lets everything through.

mod layer;

pub use layer::{ShedLayer, Shedding};

#[allow(unused_imports)]
use plimsoll_policy::shed::Shedder;
