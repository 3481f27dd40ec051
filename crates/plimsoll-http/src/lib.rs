//! Problem details, replay bodies and header hygiene for HTTP services and proxies.
//!
//! - [`Problem`]: one form for every refusal, timeout and failure ([RFC 9457]), and its mapping to gRPC.
//! - [`headers`]: what a proxy takes off, adds and believes of a message's headers.
//! - [`path`]: paths made unambiguous, without a copy where nothing changes.
//! - [`replay`]: a body that can be sent again, up to a bound.
//! - [`idempotency`]: which requests may be sent twice.
//! - [`body`]: bodies in the format that the other side speaks, and streams.
//! - [`inbound`]: what stands between the socket and a service: deadlines, limits, names.
//! - [`serve`](mod@serve): a server with all of it on.
//! - [`layers`]: HTTP requests under the layers of `plimsoll-tower`.
//!
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457
#![forbid(unsafe_code)]

pub mod body;
pub mod boundary;
#[cfg(feature = "client")]
pub mod client;
#[cfg(all(feature = "files", unix))]
pub mod files;
pub mod headers;
pub mod idempotency;
pub mod inbound;
pub mod layers;
pub mod path;
mod problem;
pub mod replay;
#[cfg(feature = "server")]
pub mod serve;

pub use problem::{Chain, GrpcCode, Kind, Problem, ProblemId, is_grpc};
