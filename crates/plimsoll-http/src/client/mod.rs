//! An outbound HTTP client whose calls run under a policy: the whole timeout matrix, retries, hedges, breaker, bulkhead,
//! rate limit.
//!
//! ```no_run
//! use plimsoll_http::client::Client;
//! use plimsoll_policy::PolicySpec;
//!
//! # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
//! let ledger = Client::to("http://ledger.internal", PolicySpec::default())?; // once, at start; clones share it
//! let balance: u64 = ledger.get("/accounts/7/balance").send().await?.json().await?;
//! ledger.post("/charges").json(&balance).idempotent().send().await?.success()?; // retried, with the same key
//! # Ok(()) }
//! ```
//!
//! # Guarantees
//! - **Every limit of the matrix**: `connect` (the name and TCP), `tls`, `first-byte`, `attempt`, `idle` between two bytes of
//!   either body, `total` to the response's last byte. The caller's deadline ([`plimsoll_task::Deadline::current`]) shortens the
//!   total, and the remaining time is sent to the peer.
//! - **A request is sent twice** only if it may be: with an idempotent method, with an `Idempotency-Key`
//!   ([`RequestBuilder::idempotent`]), or if not a byte of it was sent, which is known exactly.
//! - **A kept connection that the peer closes just when it is used** costs no attempt: the request is sent over another one, if
//!   it was not sent yet or may be sent twice. A 408 on a kept connection is such a close, for a request that may be sent
//!   twice.
//! - **No redirects, no cookies, no decompression, no proxy**: the response is returned unchanged.
//! - **Dropping is safe** at any point: a call or a response's body that is dropped releases its permits. Its connection is
//!   closed, unless only a short, known rest of the response is left: that is read and discarded (64 KiB and a second at
//!   most), and the connection is kept.
//!
//! # As a tower service
//! A [`Client`] is a `tower::Service` of `http::Request<B>`, always ready: admission happens in the call. Its responses have a
//! [`Body`], whose end ends the call.
//!
//! # Compared with…
//! - **`hyper_util::client::legacy`** pools connections and has no limits. It gives each connection its own task; here the task
//!   that waits for the response drives the connection itself, which saves two wakes per request.
//! - **reqwest** has many conveniences, and one or two timeouts. With the feature `reqwest`, `client::reqwest` puts a policy
//!   around an existing client; limits on connecting and bodies are then reqwest's own.
//!
//! # Metrics
//! They are in [the registry of the process](plimsoll_telemetry::Registry::global), which a server shows, or in that of
//! [`Builder::metrics`], besides those of [`plimsoll_telemetry::PolicyMetrics`], whose label `policy` is the policy's name, or
//! `client` for one without:
//!
//! | name | type | labels | meaning |
//! | --- | --- | --- | --- |
//! | `plimsoll_client_connections` | gauge | `upstream`, `state`: `idle`, `used` | connections that are open |
//! | `plimsoll_client_connections_opened_total` | counter | `upstream` | connections made |
//! | `plimsoll_client_connections_failed_total` | counter | `upstream` | connections that could not be made |
//! | `plimsoll_client_connection_uses_total` | counter | `upstream`, `connection`: `new`, `reused` | attempts by their connection: the ratio shows the benefit of the pool |
//! | `plimsoll_client_connect_duration_seconds` | histogram | `upstream` | the time to make connections, TLS included |

mod attempt;
mod body;
mod builder;
#[allow(clippy::module_inception)]
mod client;
mod connect;
mod discard;
mod drive;
mod error;
mod failures;
mod http1;
mod http2;
mod io;
mod keys;
mod live;
mod metrics;
mod origin;
mod origin_state;
mod origins;
mod pool;
mod propagate;
mod request;
#[cfg(feature = "reqwest")]
pub mod reqwest;
mod response;
mod response_source;
mod sending;
mod silence;
mod singleflight;
#[cfg(feature = "tls")]
mod tls;
mod upload;

pub use body::Body;
pub use builder::Builder;
pub use client::{Client, ResponseFuture};
pub use error::{Error, RequestError};
pub use live::{LivePolicy, live_policies};
pub use origin::{Origin, OriginError};
pub use origin_state::Handle;
pub use pool::PoolStats;
pub use request::RequestBuilder;
pub use response::Response;
pub use singleflight::Singleflight;
#[cfg(feature = "tls")]
pub use tls::Tls;
