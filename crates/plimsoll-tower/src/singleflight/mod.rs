//! Singleflight: concurrent callers with the same key share one call and its response.
//!
//! After Go's `golang.org/x/sync/singleflight`. [`Describe::key`](crate::Describe::key) decides which requests are the
//! same; a request without a key is sent by itself. Use it only for requests whose response does not depend on the caller.
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
//! # When the leader is dropped
//! Its call is dropped with it, and one of the followers becomes the leader and sends its own request. The same happens
//! after a panic. No follower waits for a leader that is gone, and no call outlives all of its callers. (In Go the call
//! runs to its end even if no caller is left.)
//!
//! # Bounds and cost
//! The number of shared calls and of followers of each is bounded ([`SingleflightLayer::bounded`]); beyond that, callers
//! make their own calls. A shared call costs two allocations and a short lock, so use it only in front of expensive calls.
//! Errors are shared like responses, so both must be `Clone` (wrap others in an `Arc`).

mod future;
mod group;
mod layer;
mod participant;
mod service;

pub use future::ResponseFuture;
pub use layer::SingleflightLayer;
pub use service::SingleflightService;
