//! Bulkhead: a bound on calls in flight, with a bounded wait queue and a limit on each wait
//! ([`plimsoll_policy::bulkhead`]).
//!
//! [`tower::limit::ConcurrencyLimit`] takes its permit in `poll_ready`, and so keeps it for as long as a readied service
//! is not called. Here admission happens in `call`, and the future waits: in a bounded queue, with a limit, first come
//! first served.
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
//! A call's place is free again when the service has responded. Where the response goes on, as a streamed body does,
//! [`ResponseFuture::poll_with_permit`] hands over the [`Permit`] with it.
//!
//! # Cancel safety
//! A future that is dropped leaves the wait queue, or hands its permit to the next waiter.
//!
//! [`tower::limit::ConcurrencyLimit`]: https://docs.rs/tower/latest/tower/limit/struct.ConcurrencyLimit.html

mod future;
mod layer;
mod queued;
mod reservation;
mod service;

pub use future::{Permit, ResponseFuture, ResponseWithPermit};
pub use layer::BulkheadLayer;
pub use queued::QueuedBulkhead;
pub use reservation::Reservation;
pub use service::BulkheadService;
