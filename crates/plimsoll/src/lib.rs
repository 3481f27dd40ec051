//! Production hardening for Rust backends: one crate to add.
//!
//! A Plimsoll line is the mark on a ship's hull that shows how much she may safely carry. This crate is that mark for
//! services: it re-exports the crates that stand below it, each behind a feature.
//!
//! | module | what | feature |
//! | --- | --- | --- |
//! | the root | the policies as pure machines, their words and quantities | always |
//! | [`config`], [`Policies`] | the policy file: decoding, faults with their places, JSON Schema; its policies by name | `config` |
//! | [`tower`] | the policies as tower layers | `tower` |
//! | [`driver`] | what drives a call by hand: clock, draws, wakers, the classifier | `tower` |
//! | [`task`] | scopes, windows, supervision, measured queues and locks, pools, drain | `task` |
//! | [`Deadline`] | until when the task at hand is wanted | `task` |
//! | [`telemetry`] | metrics and logs | `telemetry` |
//! | [`http`] | error boundary, idempotency keys, layers for what comes in, header hygiene | `http` |
//! | [`Problem`] | what went wrong, in the words that a caller may see | `http` |
//! | [`serve()`](fn@serve), [`mod@serve`] | a server with everything on | `server` |
//! | [`Negotiated`] | a body in the format that both sides read; streams in [`http::body`] | `server` |
//! | [`Client`], [`client`] | outbound calls, each under a policy | `client` |
//! | `http::files` | files with ranges, conditions and precompressed variants (Unix) | `static-files`, off |
//! | `http::body` | MessagePack and Protobuf as further formats | `msgpack`, `protobuf`, off |
//! | `http::idempotency` | its store in PostgreSQL | `postgres`, off |
//! | `client::reqwest` | the policies around a `reqwest::Client` that is there already | `reqwest`, off |
//! | `client::Tls` | TLS by rustls; needs a C compiler | `tls`, off |
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
//! # Where to read on
//!
//! - [`call`]: the order of the machines, and why it is this one.
//! - [`PolicySpec`]: what a policy consists of; [`tower::policy`]: how it is put around a service.
//! - `docs/` of the repository has a page for each task, and `docs/algorithms.md` the equations.
#![forbid(unsafe_code)]

#[cfg(all(doctest, feature = "config", feature = "telemetry", feature = "http"))]
mod pages;

#[doc(inline)]
pub use plimsoll_policy::*;

#[cfg(feature = "config")]
#[doc(inline)]
pub use plimsoll_config as config;
#[cfg(feature = "config")]
#[doc(inline)]
pub use plimsoll_config::Policies;

#[cfg(feature = "tower")]
#[doc(inline)]
pub use plimsoll_driver as driver;
#[cfg(feature = "http")]
#[doc(inline)]
pub use plimsoll_http as http;
#[cfg(feature = "http")]
#[doc(inline)]
pub use plimsoll_http::Problem;
#[cfg(feature = "client")]
#[doc(inline)]
pub use plimsoll_http::client::{self, Client};
#[cfg(feature = "server")]
#[doc(inline)]
pub use plimsoll_http::{body::Negotiated, serve, serve::serve};
#[cfg(feature = "task")]
#[doc(inline)]
pub use plimsoll_task as task;
#[cfg(feature = "task")]
#[doc(inline)]
pub use plimsoll_task::Deadline;
#[cfg(feature = "telemetry")]
#[doc(inline)]
pub use plimsoll_telemetry as telemetry;
#[cfg(feature = "tower")]
#[doc(inline)]
pub use plimsoll_tower as tower;
