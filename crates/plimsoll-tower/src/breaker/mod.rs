//! Circuit breaker: stops sending to a peer that keeps failing ([`plimsoll_policy::breaker`]).
//!
//! ```
//! use plimsoll_policy::{Reason, breaker::BreakerSpec};
//! use plimsoll_tower::{BreakerLayer, Error};
//! # use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let layer = BreakerLayer::new(BreakerSpec { consecutive_failures: 1.try_into().ok(), ..BreakerSpec::default() });
//! # let peer = service_fn(|(): ()| async { Err::<(), _>(std::io::Error::other("down")) });
//! let mut service = ServiceBuilder::new().layer(&layer).service(peer);
//! assert!(matches!(service.ready().await.unwrap().call(()).await, Err(Error::Inner(_))));
//! let Err(Error::Rejected(rejected)) = service.ready().await.unwrap().call(()).await else { panic!() };
//! assert_eq!(rejected.reason, Reason::CircuitOpen);
//! layer.breaker().force_closed(plimsoll_tower::driver::now());
//! assert!(matches!(service.ready().await.unwrap().call(()).await, Err(Error::Inner(_))));
//! # }
//! ```
//!
//! [`BreakerLayer::keyed`] gives each host, or whatever the key is, a breaker of its own, in a bounded
//! [registry](crate::keyed).
//!
//! A call that is dropped, or whose inner service panics, settles as cancelled: the breaker learns nothing about the
//! peer, and a probe gives its permit back.

mod layer;

pub use layer::BreakerLayer;
