//! The error boundary: a layer that turns every failure into one form.
//!
//! Every failure inside [`BoundaryLayer`] comes out as problem details ([RFC 9457]), or as a gRPC status for a request
//! that speaks gRPC:
//!
//! | what went wrong | what the caller gets |
//! | --- | --- |
//! | the service's own error, by [`Into<Problem>`](crate::Problem) | the problem of that error |
//! | `anyhow::Error`, any `Box<dyn Error>`, by [`Problem::internal`](crate::Problem::internal) | 500 and an id |
//! | a panic in a handler, an extractor, a middleware or a `Drop` | 500 and an id |
//! | a panic or an error half-way through a body | the body breaks off: the status has been sent |
//! | a policy's rejection, a timeout | its own kind, with `Retry-After` |
//! | 4xx and 5xx responses of others (axum's extractors, 404, 405, …) | the problem of that status |
//!
//! The causes (the whole chain of errors, a panic's message and place) go to the log with the same id, and nowhere
//! else. Failures are logged as errors. A refusal with an error behind it ("not now", since the database is gone) is a
//! warning. Refusals of a policy and faults of the client are logged at debug level, since a flood of them must not
//! become a flood in the log: they are counted.
//!
//! A response with [`Verbatim`] in its extensions is passed on unchanged. `application/problem+json` and gRPC responses
//! of the service's own are left alone, too. Boundaries may be nested: an outer one passes on the problems of an inner
//! one.
//!
//! ```
//! use plimsoll_http::{Problem, boundary::BoundaryLayer};
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use bytes::Bytes;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let broken = service_fn(|_: Request<()>| async {
//!     Err::<Response<Full<Bytes>>, Problem>(Problem::internal("the password is hunter2"))
//! });
//! let response = BoundaryLayer::new().layer(broken).oneshot(Request::new(())).await.unwrap();
//! assert_eq!(response.status(), 500);
//! assert_eq!(response.headers()["content-type"], "application/problem+json");
//! # });
//! ```
//!
//! # Metrics
//! | name | type | labels | meaning |
//! | --- | --- | --- | --- |
//! | `plimsoll_problems_total` | counter | `kind`, `route` | problems reported to callers |
//! | `plimsoll_panics_total` | counter | `place`: `handler`, `body`, `drop`; `route` | panics caught |
//! | `plimsoll_broken_bodies_total` | counter | `route` | bodies that broke off, panics included |
//!
//! `route` is axum's matched path where the boundary stands inside the router (`Router::layer`), else empty. Families
//! are bounded as all of [`plimsoll_telemetry`]'s are; labels are looked up only when something went wrong.
//!
//! # Cost
//! A call that goes well pays for an extension lookup or two, a reference count and a `catch_unwind`: no allocation, no
//! clock, no lock. `cargo bench -p plimsoll-http --bench boundary` measures it beside the bare service.
//!
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457

mod body;
mod exchange;
mod foreign;
mod future;
mod layer;
mod metrics;
mod panics;
mod reported;
mod service;
mod upstream_text;

pub use body::{BodyError, BoundaryBody};
#[cfg(feature = "server")]
pub(crate) use exchange::{Asked, Exchange, PanicSite, RouteName};
pub use foreign::Verbatim;
pub use future::ResponseFuture;
pub use layer::BoundaryLayer;
#[cfg(feature = "server")]
pub(crate) use layer::Shared;
pub use panics::OnPanic;
#[cfg(feature = "server")]
pub(crate) use panics::caught;
pub use reported::ReportedProblem;
pub use service::BoundaryService;

/// The error of a foreign body, boxed for the log.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
