//! Limits on a request's body: its size, and the time it may take to arrive.
//!
//! - A body whose declared length is too large is refused at once (413), unread: a client that waits for `100 Continue`
//!   has not begun to send it.
//! - A body without a declared length is counted as it arrives. Its reader gets [`BodyError::TooLarge`] where the limit is
//!   exceeded.
//! - A body that pauses for too long, or takes too long as a whole, ends in [`BodyError::TooSlow`] (408).
//!
//! If the service responds to such an error with an error of its own, for example the 400 of an extractor that could not
//! read on, the response is replaced by the 413 or 408; in gRPC, a status in the head or in the trailers is replaced by
//! `RESOURCE_EXHAUSTED` (8) or `DEADLINE_EXCEEDED` (4). A response that is no error stays as it is.
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

pub(crate) use body::ExceededLimit;
pub use body::LimitedBody;
pub use error::BodyError;
pub use layer::{ArrivalLimits, BodyLimitLayer, BodyLimitService, ResponseFuture};
