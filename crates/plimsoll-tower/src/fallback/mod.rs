//! Fallback: a replacement for a failed result, such as a stale copy, a default or another service's response.
//!
//! [`Classify`](crate::Classify) decides which results are failures: errors, by default. A closure receives the failed
//! result and returns the future of the replacement (for a value at hand [`std::future::ready`]).
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
//! Place it outside the layers whose refusals it is to replace. Known weakness: a fallback that is as loaded as the peer
//! it replaces fails together with it; keep it local.

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::FallbackLayer;
pub use service::FallbackService;
