//! Fallback: something else instead of a failure. A stale copy, a default, another service's answer.
//!
//! What counts as a failure, [`Classify`](crate::Classify) says: errors, unless told otherwise. What comes instead, a
//! closure says: it is given the failed result and gives a future (for a value at hand [`std::future::ready`]).
//!
//! ```
//! use plimsoll_tower::FallbackLayer;
//! use std::future::ready;
//! # use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! # let peer = service_fn(|(): ()| async { Err::<&str, _>(std::io::Error::other("down")) });
//! let layer = FallbackLayer::new(|_failed| ready(Ok::<_, std::io::Error>("yesterday's news")));
//! let mut service = ServiceBuilder::new().layer(layer).service(peer);
//! assert_eq!(service.ready().await.unwrap().call(()).await.unwrap(), "yesterday's news");
//! # }
//! ```
//!
//! It stands outside the layers whose refusals it is to replace. Known weakness: a fallback that is as loaded as the peer it
//! stands in for fails with it; keep it to what is at hand.

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::FallbackLayer;
pub use service::FallbackService;
