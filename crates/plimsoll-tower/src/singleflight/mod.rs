//! Singleflight: of callers who ask for the same at the same time one goes, and all get its answer.
//!
//! After Go's `golang.org/x/sync/singleflight`. What is the same, [`Describe::key`](crate::Describe::key) says; a request
//! without a key goes by itself. Only use it for requests whose answer does not depend on who asks.
//!
//! ```
//! use plimsoll_tower::{Describe, Key, SingleflightLayer};
//! use plimsoll_policy::call::Facts;
//! # use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! #[derive(Clone)]
//! struct ByName;
//!
//! impl Describe<&'static str> for ByName {
//!     fn describe(&self, _: &&'static str) -> Facts {
//!         Facts::default()
//!     }
//!
//!     fn key<'r>(&self, name: &'r &'static str) -> Option<Key<'r>> {
//!         Some((*name).into())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let asked = std::sync::atomic::AtomicU32::new(0);
//! let asked = &asked;
//! let peer = service_fn(|name: &'static str| async move {
//!     asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
//!     tokio::time::sleep(std::time::Duration::from_millis(20)).await;
//!     Ok::<_, std::convert::Infallible>(name.len())
//! });
//! let mut service = ServiceBuilder::new().layer(SingleflightLayer::new(ByName)).service(peer);
//! let first = service.ready().await.unwrap().call("deck");
//! let second = service.ready().await.unwrap().call("deck");
//! assert_eq!(tokio::join!(first, second), (Ok(4), Ok(4)));
//! assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 1);
//! # }
//! ```
//!
//! # When the one who goes is dropped
//! Its call is dropped with it, as any other would be, and one of those who wait goes in its stead, with its own request.
//! The same after a panic. So nobody waits for a caller that is gone, and no call outlives all of its callers. (Go's runs
//! on to its end, whoever still waits.)
//!
//! # Bounds and cost
//! At most so many flights, and so many followers of each ([`SingleflightLayer::bounded`]); beyond, callers go by
//! themselves. A flight takes two allocations and a short lock; so this stands before what is dear, not around everything.
//! Errors are shared like answers, so both must be `Clone` (an `Arc` around what is not).

mod flights;
mod future;
mod layer;
mod seat;
mod service;

pub use future::ResponseFuture;
pub use layer::SingleflightLayer;
pub use service::SingleflightService;
