//! Production hardening for Rust backends: one crate to add.
//!
//! A Plimsoll line is the mark on a ship's hull that shows how much she may safely carry. This crate is that mark for
//! services: it re-exports the crates that stand below it, each behind a feature.
//!
//! | module | contents | feature |
//! | --- | --- | --- |
//! | [`policy`] | the policies as pure state machines, their vocabulary and quantities | always |
//! | [`config`] | the policy file: decoding, faults with their places, JSON Schema; its policies by name | `config` |
//! | [`tower`] | the policies as tower layers | `tower` |
//! | [`driver`] | the means to drive a call by hand: clock, draws, wakers, the classifier | `tower` |
//! | [`task`] | scopes, deadlines, supervision, measured queues and locks, pools, drain | `task` |
//! | [`telemetry`] | metrics and logs | `telemetry` |
//! | [`http`] | error boundary, idempotency keys, bodies, inbound layers, header hygiene | `http` |
//! | [`mod@serve`] | a server with all limits on | `server` |
//! | [`client`] | outbound calls, each under a policy | `client` |
//! | `http::files` | files with ranges, conditions and precompressed variants (Unix) | `static-files`, off |
//! | `http::body` | MessagePack and Protobuf as further formats | `msgpack`, `protobuf`, off |
//! | `http::idempotency` | its store in PostgreSQL | `postgres`, off |
//! | `client::reqwest` | the policies around an existing `reqwest::Client` | `reqwest`, off |
//! | `client::Tls` | TLS by rustls; needs a C compiler | `tls`, off |
//!
//! The root itself has only the names that nearly every program needs: [`PolicySpec`], [`RateLimitSpec`] and [`Reason`];
//! [`Problem`]; [`serve()`](fn@serve); [`Client`].
//!
//! All others are on by default, and need no C compiler.
//!
//! # A call under a policy
//!
//! ```
//! # #[cfg(feature = "tower")]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), plimsoll::tower::Error<std::io::Error>> {
//! use plimsoll::{PolicySpec, tower::{Idempotent, PolicyLayer, replay::ByClone}};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! // Timeouts, load shedding, breaker, bulkhead and retries, each with its default.
//! let layer = PolicyLayer::new(PolicySpec::default()).describe(Idempotent).replay(ByClone);
//! let handle = layer.handle(); // to look at the machines, and to change thresholds while they run
//!
//! let peer = service_fn(|name: &'static str| async move { Ok::<_, std::io::Error>(name.len()) });
//! let mut service = ServiceBuilder::new().layer(layer).service(peer);
//! assert_eq!(service.ready().await?.call("deck").await?, 4);
//! assert_eq!(handle.snapshot().breaker.unwrap().counts.failures, 0);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "tower"))]
//! # fn main() {}
//! ```
//!
//! # Further reading
//!
//! - [`policy::call`]: the order of the machines, with its reasons.
//! - [`PolicySpec`]: the parts of a policy; [`tower::policy`]: the layer around a service.
//! - `docs/` of the repository has a page for each task, and `docs/algorithms.md` the equations.
#![forbid(unsafe_code)]

#[cfg(all(doctest, feature = "config", feature = "telemetry", feature = "http"))]
mod pages;

#[doc(inline)]
pub use plimsoll_policy::{self as policy, PolicySpec, Reason, rate::RateLimitSpec};

#[cfg(feature = "config")]
#[doc(inline)]
pub use plimsoll_config as config;
#[cfg(feature = "tower")]
#[doc(inline)]
pub use plimsoll_driver as driver;
#[cfg(feature = "client")]
#[doc(inline)]
pub use plimsoll_http::client::{self, Client};
#[cfg(feature = "server")]
#[doc(inline)]
pub use plimsoll_http::serve::{self, serve};
#[cfg(feature = "http")]
#[doc(inline)]
pub use plimsoll_http::{self as http, Problem};
#[cfg(feature = "task")]
#[doc(inline)]
pub use plimsoll_task as task;
#[cfg(feature = "telemetry")]
#[doc(inline)]
pub use plimsoll_telemetry as telemetry;
#[cfg(feature = "tower")]
#[doc(inline)]
pub use plimsoll_tower as tower;
