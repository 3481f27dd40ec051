//! Stability policies as pure state machines.
//!
//! No machine here knows a clock, a socket, a thread or a waker. Time ([`Instant`]) and randomness ([`Draw`]) are
//! arguments, so the same code runs under tokio, in the gateway, in a simulator and in a test that steps time by hand,
//! and decides the same in each.
//!
//! A request's life has three verbs: **admit** (may this go ahead now?), **attempt** (run it, again or hedged if every
//! policy allows), **settle** (the outcome goes back to every machine that admitted it). Each machine has the first and the
//! last of them; [`call`] is all three over every machine of a [`Policy`].
#![forbid(unsafe_code)]

mod admission;
pub mod balance;
pub mod breaker;
pub mod bulkhead;
pub mod call;
pub mod concurrency;
mod draw;
pub mod ejection;
pub mod endpoints;
pub mod hedge;
pub mod log_linear;
mod named;
mod observe;
mod outcome;
mod policy;
pub mod rate;
pub mod retry;
pub mod shed;
mod spec;
#[allow(unused_imports)]
mod sync;
pub mod throttle;
mod time;
mod timeouts;
pub mod units;
mod window;

pub use admission::{Admitted, Ask, Cohort, KeyHash, Priority, Ticket, Woken};
pub use draw::{Draw, Purpose, Seed};
pub use named::NamedPolicy;
pub use observe::{
    AttemptRole, BreakerState, DenyReason, Observer, PolicyEvent, Transition, TransitionReason,
};
pub use outcome::{Cause, Failure, Limit, Machine, Outcome, Reason, RejectedError, Settlement};
pub use policy::{Driver, Policy, PolicySnapshot};
pub use spec::PolicySpec;
pub use time::Instant;
pub use timeouts::Timeouts;
