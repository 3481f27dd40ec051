//! Bulkhead: so many calls in flight, so many waiting in line, none for longer than a set time
//! ([`plimsoll_policy::bulkhead`]).
//!
//! Where [`tower::limit::ConcurrencyLimit`] takes its permit in `poll_ready`, and so keeps it for as long as a readied
//! service is not called, here admission happens in `call`, and who is to wait does so in the future: in line, with a
//! bound and a limit, first come first served.
//!
//! ```
//! use plimsoll_policy::bulkhead::BulkheadSpec;
//! use plimsoll_tower::BulkheadLayer;
//! # use std::{num::NonZeroU32, time::Duration};
//!
//! let spec = BulkheadSpec { in_flight: NonZeroU32::MIN, waiting: 8, wait: Duration::from_millis(50) };
//! let layer = BulkheadLayer::new(spec);
//! assert_eq!(layer.snapshot().in_flight, 0);
//! ```
//!
//! [`BulkheadLayer::keyed`] gives each host, or whatever the key is, a bulkhead of its own, in a bounded
//! [registry](crate::keyed).
//!
//! # Cancel safety
//! A future that is dropped leaves the line, or hands its place to the next in it.
//!
//! [`tower::limit::ConcurrencyLimit`]: https://docs.rs/tower/latest/tower/limit/struct.ConcurrencyLimit.html

mod future;
mod layer;
mod line;
mod service;

pub use future::ResponseFuture;
pub use layer::BulkheadLayer;
pub use line::Line;
pub use service::BulkheadService;
