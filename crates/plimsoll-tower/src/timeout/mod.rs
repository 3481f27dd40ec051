//! Limits of time: on an attempt, on the whole call, and by the caller's own deadline.
//!
//! ```
//! use plimsoll_policy::Limit;
//! use plimsoll_tower::{Error, TimeoutLayer};
//! # use std::time::Duration;
//! # use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! # let hanging = service_fn(|(): ()| std::future::pending::<Result<(), std::io::Error>>());
//! let layer = TimeoutLayer::attempt(Duration::from_millis(300));
//! let mut service = ServiceBuilder::new().layer(&layer).service(hanging);
//! assert!(matches!(service.ready().await.unwrap().call(()).await, Err(Error::TimedOut(Limit::Attempt))));
//! # }
//! ```
//!
//! The limit runs from `call`; a timer is registered only if the inner future is pending. A response that is there in the
//! moment the limit runs out counts.

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::TimeoutLayer;
pub use service::TimeoutService;
