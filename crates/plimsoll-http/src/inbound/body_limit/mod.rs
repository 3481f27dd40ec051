//! Limits on a request's body: its size, and the time it may take to arrive.
//!
//! - A body that says beforehand that it is too large is refused at once (413), unread: a client that waits for
//!   `100 Continue` has not begun to send it.
//! - One that says nothing is counted as it arrives. What reads it gets [`BodyError::TooLarge`] where the limit is passed.
//! - One that stands still for too long, or takes too long as a whole, ends in [`BodyError::TooSlow`] (408).
//!
//! If the service answers such an error with an error response of its own, for example a 400 by an extractor that could
//! not read on, the response becomes the 413 or 408 that is meant; in gRPC, a status in the head or in the trailers
//! becomes `RESOURCE_EXHAUSTED` (8) or `DEADLINE_EXCEEDED` (4). A response that is no error is left alone.
//!
//! ```
//! use plimsoll_http::inbound::{BodyLimitLayer, ArrivalLimits};
//! use std::time::Duration;
//!
//! let limits = ArrivalLimits { size: Some(64 * 1024), idle: Some(Duration::from_secs(5)), total: None };
//! let layer = BodyLimitLayer::new(limits);
//! # let _ = layer;
//! ```
//!
//! # Cost
//! For a request without a body, nothing; for one with a body, one small allocation, one reading of the clock for each
//! piece, and a timer while the body is late.

mod body;
mod error;
mod layer;

pub use body::LimitedBody;
pub(crate) use body::Verdict;
pub use error::BodyError;
pub use layer::{ArrivalLimits, BodyLimitLayer, BodyLimitService, ResponseFuture};
