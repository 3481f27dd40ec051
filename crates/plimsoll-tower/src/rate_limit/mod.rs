//! Rate limit: a bound on calls per unit of time, for all calls together or for each key.
//!
//! [`tower::limit::RateLimit`] counts a fixed window in `poll_ready`, and admits twice the rate around a window's edge.
//! This layer asks a token bucket ([`plimsoll_policy::rate`]) in `call`: a call over the rate is refused at once, with the
//! exact time after which it would be admitted. It never waits: calls that a leaky bucket delays are those of a whole
//! policy, by [`PolicyLayer`](crate::PolicyLayer).
//!
//! ```
//! use plimsoll_policy::rate::RateLimitSpec;
//! use plimsoll_tower::{Error, RateLimitLayer};
//! # use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let mut spec = RateLimitSpec::new("1/h".parse().unwrap());
//! spec.burst = 1.try_into().unwrap();
//! # let peer = service_fn(|name: &'static str| async move { Ok::<_, std::io::Error>(name.len()) });
//! let mut service = ServiceBuilder::new().layer(RateLimitLayer::new(spec)).service(peer);
//! assert_eq!(service.ready().await.unwrap().call("deck").await.unwrap(), 4);
//! let Err(Error::Rejected(rejected)) = service.ready().await.unwrap().call("deck").await else { panic!() };
//! assert!(rejected.retry_after.unwrap().as_secs() > 3590);
//! # }
//! ```
//!
//! [`tower::limit::RateLimit`]: https://docs.rs/tower/latest/tower/limit/struct.RateLimit.html

mod layer;

pub use layer::{AdmitByRate, RateLimitLayer};
