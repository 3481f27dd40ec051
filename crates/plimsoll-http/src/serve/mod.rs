//! A server with everything on: what stands between the socket and an app in production.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use plimsoll_http::serve::{ServeError, serve};
//!
//! # async fn start() -> Result<(), ServeError> {
//! let app = Router::new().route("/", get(|| async { "hello" }));
//! serve(app).on("0.0.0.0:8080").admin("127.0.0.1:9901").run().await
//! # }
//! ```
//!
//! - **Every request** is recorded under its trace, its id and its client, and then passes what the layers of
//!   [`inbound`](crate::inbound), the [boundary](crate::boundary) and the policies of [`plimsoll_tower`] do, in one fixed order.
//! - **Every connection** has limits of its own: on heads, on rest, on clients that do not read, on HTTP/2's streams.
//!   [`Limits`] has all of them; `None` switches one off.
//! - **Going down** is a [drain](plimsoll_task::drain) in phases, begun by `SIGTERM`, by Ctrl-C, by a panic where that is
//!   wanted ([`Server::drain_after_panic`]) or from inside. A second signal ends it at once.
//! - **A server without an error boundary cannot be run**: its type has no such method.
//!
//! `docs/serving.md` has each limit with its default, the metrics and the log line.
//!
//! # Cost
//! All of it is one service of two parts, the record and the guard, each with one future; what they share stands behind one
//! pointer each. Beside axum's own that is five values for the extensions, a request id for the response, a reading of the
//! clock where something begins or ends, and no lookup of a label: each route knows its counters from its first request on.
//! The state of a request stays in one box, which its thread uses again. A layer inside the router says which route
//! was taken; a path that is a route's whole pattern says so itself from the second request on, without that layer.
//! `cargo xtask bench serve` measures it beside hyper alone, `axum::serve`, and axum under the layers of others.

mod accept;
mod activity;
mod admin;
mod app;
mod authority;
mod bound;
mod connection;
mod edge;
mod error;
mod first_line;
mod guard;
mod inside;
mod io;
mod limits;
mod listen;
mod metrics;
mod noted;
mod plain;
mod rarely;
mod record;
mod respond;
mod response_body;
mod reused;
mod routes;
mod server;
mod signals;
mod slots;
mod stack;
mod streams;
mod unsent;
mod upgraded;

pub use admin::{
    AdminToken, AdminTokenError, BreakerForce, BreakerOrder, LogFilter, admin_faults, admin_refusal,
    admin_text, standing,
};
pub use bound::Bound;
pub use error::ServeError;
pub use limits::{
    HeadRoom, HeadRoomError, Limits, StreamWindow, StreamWindowError, TimeLimit, TimeLimitError, WhenFull,
};
pub use listen::Listen;
#[cfg(all(feature = "static-files", unix))]
pub(crate) use routes::single;
pub use routes::{NamedRoute, RouteNames};
pub use server::{Bare, Bounded, Server, serve, service};
