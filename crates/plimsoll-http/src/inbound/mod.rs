//! Layers between the socket and a service: small tower layers, each for one thing, for any service of HTTP requests.
//!
//! [`serve`](crate::serve) does around an app what all of them do. Each works alone, in axum's `Router::layer` as in a stack
//! of one's own: it responds to a refused request itself, by problem details or gRPC, and leaves the
//! [`Problem`](crate::Problem) in the response's extensions for an error boundary further out to log and to count.
//!
//! | layer | purpose | refusals |
//! | --- | --- | --- |
//! | [`TraceLayer`] | continues or begins the trace (`traceparent`) | |
//! | [`RequestIdLayer`] | names the request (`x-request-id`) | |
//! | [`ClientLayer`] | finds the client behind trusted proxies | |
//! | [`DeadlineLayer`] | sets the deadline of the response: `grpc-timeout`, a header, the server's limit | 504 `deadline-exceeded` |
//! | [`BodyLimitLayer`] | size and time of the request's body | 413 `body-too-large`, 408 `request-timeout` |
//! | [`InFlightLayer`] | a bulkhead whose permits are held until the response has been sent | 503 `bulkhead-full` |
//! | [`RejectAsResponse`] | a layer of [`plimsoll_tower`] whose refusals become responses | 429 `rate-limited`, 503 `bulkhead-full`, `overloaded`, … |
//!
//! Rates and shedding are [`plimsoll_tower`]'s own layers in [`RejectAsResponse`]; by client with
//! [`KeyBy::Client`](crate::layers::KeyBy::Client). [`monitor_lag`] reports to a shedder how long ready tasks wait for
//! the runtime.
//!
//! The order that [`serve`](crate::serve) has, from the outside: trace, id, client, deadline, shedding, rate and
//! concurrency by client, concurrency in all, body. The cheapest refusals come first, and a request waits for its
//! permit under its deadline.
//!
//! None of them admits anything in `poll_ready`, and a call that is dropped at any point gives back what it held.

pub mod body_limit;
mod client;
pub mod deadline;
pub(crate) mod grpc_trailers;
mod in_flight;
mod lag;
mod refusable;
mod reject_as_response;
mod request_id;
mod trace;

pub use body_limit::{ArrivalLimits, BodyError, BodyLimitLayer};
pub use client::{ClientLayer, ClientService, Peer};
pub use deadline::{DeadlineLayer, DeadlineRules, RespondBy};
pub use grpc_trailers::TrailersBody;
pub use in_flight::{InFlightBody, InFlightFuture, InFlightLayer, InFlightService};
pub use lag::{LAG_INTERVAL, monitor_lag};
pub use refusable::RefusableBody;
pub use reject_as_response::{RejectAsResponse, RejectAsResponseFuture, RejectAsResponseService};
pub use request_id::{Named, RequestId, RequestIdError, RequestIdLayer, RequestIdService};
pub use trace::{TraceLayer, TraceService};
