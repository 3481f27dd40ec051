//! Rate limit: so many calls in so long, for all calls together or for each key.
//!
//! Where [`tower::limit::RateLimit`] counts a fixed window (and lets twice the rate through around its edge) behind
//! readiness, this is a token bucket ([`plimsoll_policy::rate`]), asked in `call`: what is over the rate is refused with
//! the exact time to come back, and nobody is kept waiting.
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

pub use layer::{Limited, RateLimitLayer};
