//! Until when a response is wanted, and not a moment longer.
//!
//! The deadline of a request is the earliest of what its caller says (`grpc-timeout`, or a header of milliseconds:
//! [`EXPECTED_TIMEOUT`] unless named otherwise), a [`Deadline`] that is in its extensions already, and the limit that the
//! server sets for all. So a caller can shorten the time, never lengthen it.
//!
//! - While the service works, [`Deadline::current`] and the request's extensions tell it: outbound calls, pools and
//!   queues that go by it give up in time, and the next hop is told what is left.
//! - When it passes before the response begins, the service's future is dropped and the caller gets 504
//!   (`deadline-exceeded`). A request that comes too late is not begun.
//! - It spans the response's body: one that is still going ends in an error, which breaks the connection or resets the
//!   stream, for the caller must not take a part for the whole. A gRPC call ends by trailers with `DEADLINE_EXCEEDED` (4)
//!   instead.
//!
//! A long response asks for longer: [`RespondBy`] in its extensions is the deadline of its body in place of the request's.
//! `text/event-stream` has none, being meant to go on.
//!
//! ```
//! use plimsoll_http::inbound::{DeadlineLayer, DeadlineRules};
//! use std::time::Duration;
//!
//! let rules = DeadlineRules { total: Some(Duration::from_secs(10)), ..DeadlineRules::default() };
//! let layer = DeadlineLayer::new(rules);
//! # let _ = layer;
//! ```
//!
//! Compared with Go's `http.TimeoutHandler`: nothing is buffered, so streams stay streams, and the work is not only
//! told to stop but stopped: a future that is dropped does nothing more. What it has spawned goes on, unless it was
//! spawned into a [scope](plimsoll_task::scope).

mod body;
mod layer;
mod rules;

pub use body::{DeadlineBody, DeadlineBodyError};
pub use layer::{DeadlineLayer, DeadlineService, ResponseFuture};
pub use rules::{DeadlineRules, RespondBy};

#[allow(unused_imports)]
use crate::headers::EXPECTED_TIMEOUT;
#[allow(unused_imports)]
use plimsoll_task::Deadline;
