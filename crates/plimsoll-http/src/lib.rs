//! HTTP for services and proxies: errors in one form, bodies, files, idempotency keys, a server and a client with every
//! limit on.
//!
//! | module | what | feature |
//! | --- | --- | --- |
//! | [`Problem`], [`Kind`] | one form for every refusal, timeout and failure ([RFC 9457]), and its mapping to gRPC | always |
//! | [`boundary`] | the layer that makes it of errors, panics and others' responses, logs and counts | always |
//! | `postgres` | whether a database is there | `postgres` |
//! | [`idempotency`] | which requests may be sent twice, and keys by which the others may; a store in PostgreSQL | always; `postgres` |
//! | [`body`] | bodies in the format that the other side speaks; extractors, responses and streams; MessagePack, Protobuf | always; `server`; `msgpack`, `protobuf` |
//! | [`inbound`] | what stands between the socket and a service: deadlines, limits, names | always |
//! | `serve` | a server with all of it on | `server` |
//! | `client` | outbound calls, each under a policy; TLS; policies around a `reqwest::Client` | `client`; `tls`; `reqwest` |
//! | `dial` | connections to names: lookups that are kept, addresses that are raced | `client` |
//! | `KeepAlive` | when a silent connection is probed | `server`, `client` |
//! | `files` | ranges, conditions, precompressed variants, nothing outside one folder; Unix | `files` |
//! | [`observe`] | what tasks, locks, queues and pools measure, as metrics | always |
//! | [`layers`] | HTTP requests under the layers of `plimsoll-tower` | always |
//! | [`headers`] | what a proxy takes off, adds and believes of a message's headers | always |
//! | [`path`] | paths made unambiguous, without a copy where nothing changes | always |
//! | [`replay`] | a body that can be sent again, up to a bound | always |
//!
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457
#![forbid(unsafe_code)]

pub mod body;
pub mod boundary;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod dial;
mod errors;
#[cfg(all(feature = "static-files", unix))]
pub mod files;
pub mod headers;
#[cfg(any(feature = "client", feature = "server"))]
pub mod http2;
pub mod idempotency;
pub mod inbound;
#[cfg(any(feature = "client", feature = "server"))]
mod keep_alive;
pub mod layers;
pub mod observe;
pub mod path;
#[cfg(feature = "postgres")]
pub mod postgres;
mod problem;
pub mod replay;
#[cfg(feature = "server")]
mod request_local;
#[cfg(feature = "server")]
pub mod serve;

#[cfg(any(feature = "client", feature = "server"))]
pub use keep_alive::KeepAlive;
pub use problem::{Chain, GrpcCode, Kind, Problem, ProblemId, is_grpc};
