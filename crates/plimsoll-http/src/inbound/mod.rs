//! What stands between the socket and a service: small tower layers, each for one thing, for any service of HTTP requests.
//!
//! [`serve`](crate::serve) puts all of them around an app. Each also works alone, in axum's `Router::layer` as in a stack
//! of one's own: what it refuses it answers itself, as problem details or as gRPC, and leaves the
//! [`Problem`](crate::Problem) in the answer's extensions for an error boundary further out to log and to count.
//!
//! | layer | what | answers |
//! | --- | --- | --- |
//! | [`TraceLayer`] | continues or begins the trace (`traceparent`) | |
//! | [`RequestIdLayer`] | names the request (`x-request-id`) | |
//! | [`ClientLayer`] | finds the client behind trusted proxies | |
//! | [`DeadlineLayer`] | until when the answer is wanted: `grpc-timeout`, a header, the server's limit | 504 `deadline-exceeded` |
//! | [`BodyLimitLayer`] | size and time of the request's body | 413 `body-too-large`, 408 `request-timeout` |
//! | [`Answered`] | a layer of [`plimsoll_tower`] whose refusals are answers | 429 `rate-limited`, 503 `bulkhead-full`, `overloaded`, … |
//!
//! Rates, places and shedding are [`plimsoll_tower`]'s own layers in [`Answered`]; by client with
//! [`KeyBy::Client`](crate::layers::KeyBy::Client). [`feel_lag`] tells a shedder how long ready tasks wait for the runtime.
//!
//! The order that [`serve`](crate::serve) has, from the outside: trace, id, client, deadline, shedding, rate and places by
//! client, places in all, body. What is cheap to refuse is refused first, and a request that waits for its place does so
//! under its deadline.
//!
//! None of them admits anything in `poll_ready`, and a call that is dropped at any point gives back what it held.

mod answer;
mod answered;
pub mod body_limit;
mod client;
pub mod deadline;
mod lag;
mod request_id;
mod trace;

pub use answer::Answer;
#[cfg(feature = "server")]
pub(crate) use answer::Form;
pub use answered::{Answered, AnsweredFuture, AnsweredService};
pub use body_limit::{ArrivalLimits, BodyError, BodyLimitLayer};
pub use client::{ClientLayer, ClientService, Peer};
pub use deadline::{AnswerBy, DeadlineLayer, DeadlineRules};
pub use lag::{PULSE, feel_lag};
pub use request_id::{Named, NoRequestId, RequestId, RequestIdLayer, RequestIdService};
pub use trace::{TraceLayer, TraceService};
