//! The policies as tower layers, one directory a layer, and one fused layer that runs the whole call.
//!
//! | layer | use |
//! | --- | --- |
//! | [`PolicyLayer`] | a whole policy in its fixed order, in one future: the choice of most services |
//! | [`RateLimitLayer`] | a bound on calls per unit of time, optionally for each key |
//! | [`BreakerLayer`] | stops sending to a peer that keeps failing, optionally for each key |
//! | [`BulkheadLayer`] | a bound on calls in flight with a bounded wait queue, optionally for each key |
//! | [`ConcurrencyLayer`] | a bound on calls in flight that follows the peer's latency |
//! | [`ShedLayer`] | rejects the least important calls while queues are standing |
//! | [`TimeoutLayer`] | limits on attempt and call, the caller's deadline |
//! | [`RetryLayer`], [`HedgeLayer`] | another attempt after a failure, or beside a slow one |
//! | [`SingleflightLayer`] | one call for concurrent callers with the same key |
//! | [`FallbackLayer`] | a replacement for a failed result |
//! | [`ChaosLayer`] | delays, errors and aborts, for tests |
//!
//! Common to all layers:
//!
//! - **Admission happens in `call`.** `poll_ready` is the inner service's own and carries no permit; the instance that was
//!   readied is the one that is called.
//! - **State is shared.** It is made with the layer: however often that is applied, and however often a service is
//!   cloned, it is the same breaker.
//! - **Errors are typed**: [`Error`] is a rejection, a limit that ran out, or the inner service's own error.
//! - **Dropping is safe** at any point, and so is a panic of the inner service: permits settle as cancelled.
//! - **Time is tokio's**, so a paused clock in a test is the policies' clock too. Timers are registered only when the
//!   inner future is pending.
//! - **The user decides** how a response is classified ([`Classify`]), which facts a request has ([`Describe`]), and how
//!   it is sent again ([`Replay`]).
#![forbid(unsafe_code)]

pub mod admit;
pub mod breaker;
pub mod bulkhead;
pub mod chaos;
pub mod classify;
pub mod concurrency;
mod describe;
mod error;
pub mod fallback;
pub mod hedge;
mod key;
pub mod keyed;
pub mod policy;
pub mod rate_limit;
pub mod replay;
pub mod retry;
pub mod shed;
pub mod singleflight;
pub mod timeout;

pub use breaker::BreakerLayer;
pub use bulkhead::BulkheadLayer;
pub use chaos::ChaosLayer;
pub use classify::Classify;
pub use concurrency::ConcurrencyLayer;
pub use describe::{Describe, Idempotent, Unknown};
pub use error::Error;
pub use fallback::FallbackLayer;
pub use hedge::HedgeLayer;
pub use key::Key;
#[doc(inline)]
pub use plimsoll_driver as driver;
pub use policy::PolicyLayer;
pub use rate_limit::RateLimitLayer;
pub use replay::Replay;
pub use retry::RetryLayer;
pub use shed::ShedLayer;
pub use singleflight::SingleflightLayer;
pub use timeout::TimeoutLayer;
