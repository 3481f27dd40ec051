//! The deadline of an inbound request.
//!
//! The deadline of a request is the earliest of the caller's timeout (`grpc-timeout`, or a header in milliseconds,
//! [`EXPECTED_TIMEOUT`] by default), a [`Deadline`] that is already in its extensions, and the server's own limit. So a
//! caller can shorten the time, never lengthen it.
//!
//! - While the service works, [`Deadline::current`] and the request's extensions hold it: outbound calls, pools and
//!   queues that observe it give up in time, and the next hop gets the remaining time.
//! - When it passes before the response begins, the service's future is dropped and the caller gets 504
//!   (`deadline-exceeded`). A request that arrives too late is not begun.
//! - It covers the response's body: a body that is still being sent ends in an error, which breaks the connection or
//!   resets the stream, so that the caller does not take a part for the whole. A gRPC call ends by trailers with
//!   `DEADLINE_EXCEEDED` (4) instead.
//!
//! A long response can extend it: [`RespondBy`] in its extensions replaces the request's deadline for its body.
//! The body of a `text/event-stream` has no deadline.
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
//! Compared with Go's `http.TimeoutHandler`: nothing is buffered, so streams stay streams, and the work really stops,
//! since a dropped future does nothing more. Tasks that it has spawned go on, unless they were spawned into a
//! [scope](plimsoll_task::scope).

mod body;
mod layer;
mod rules;

pub use body::{DeadlineBody, DeadlineBodyError};
pub use layer::{DeadlineLayer, DeadlineService, ResponseFuture};
#[cfg(feature = "server")]
pub(crate) use rules::body_deadline;
pub use rules::{DeadlineRules, RespondBy};

#[allow(unused_imports)]
use crate::headers::EXPECTED_TIMEOUT;
#[allow(unused_imports)]
use plimsoll_task::Deadline;
