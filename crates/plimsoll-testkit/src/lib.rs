//! What tests of services under load policies need: contract probes, a scripted inner service, a manual clock and an
//! upstream that misbehaves over real TCP.
//!
//! - [`contract`]: what every tower layer that admits calls must keep to, as functions that take your layer.
//! - [`Scripted`]: an inner service that answers, fails, waits, hangs or panics as told, and keeps a record.
//! - [`ManualClock`], [`Draws`]: time and randomness by hand, for the pure machines.
//! - [`VirtualTime`]: the same for whatever drives them, timers included.
//! - [`script`]: random calls, event by event, and the decisions that every driver must come to.
//! - [`responses`]: responses of HTTP and gRPC, and what each means to a policy: for whatever classifies them.
//! - [`FaultyUpstream`]: a TCP server that resets, truncates, stalls or lies, connection by connection.
//! - [`Written`]: a writer that keeps what a log writes.
//! - `Postgres` (feature `postgres`): a server of one's own that can be stopped and started, or a database on a shared one.
//!
//! This crate serves the tests of Plimsoll itself and of whoever writes layers beside it.
#![forbid(unsafe_code)]

mod clock;
pub mod contract;
#[cfg(feature = "postgres")]
mod postgres;
pub mod responses;
pub mod script;
mod scripted;
mod upstream;
mod virtual_time;
mod written;

pub use clock::{Draws, ManualClock};
#[cfg(feature = "postgres")]
pub use postgres::{Database, Postgres};
pub use scripted::{Broken, Record, Scripted, ScriptedFuture, Step};
pub use upstream::{Fault, FaultyUpstream, Refusing};
pub use virtual_time::VirtualTime;
pub use written::Written;
