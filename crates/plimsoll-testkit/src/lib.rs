//! Tools for tests of services under load policies: contract probes, a scripted inner service, a manual clock and an
//! upstream that misbehaves over real TCP.
//!
//! - [`contract`]: the contract of layers that admit calls, as functions that take your layer.
//! - [`Scripted`]: an inner service that responds, fails, waits, hangs or panics as instructed, and keeps a record.
//! - [`ManualClock`], [`Draws`]: time and randomness by hand, for the pure machines.
//! - [`VirtualTime`]: the same for drivers, timers included.
//! - [`script`]: random calls, event by event, and the decisions that every driver must make.
//! - [`responses`]: responses of HTTP and gRPC with their classification.
//! - [`FaultyUpstream`]: a TCP server that resets, truncates, stalls or lies, connection by connection.
//! - [`Written`]: a writer that keeps what a log writes.
//! - `Postgres` (feature `postgres`): a server that can be stopped and started, or a database on a shared one.
//! - `strategies` (feature `strategies`): strategies of `proptest` for the quantities of policies.
//!
//! This crate serves the tests of Plimsoll itself and of authors of other layers.
#![forbid(unsafe_code)]

mod clock;
pub mod contract;
#[cfg(feature = "postgres")]
mod postgres;
pub mod responses;
pub mod script;
mod scripted;
#[cfg(feature = "strategies")]
pub mod strategies;
mod upstream;
mod virtual_time;
mod written;

pub use clock::{Draws, ManualClock};
#[cfg(feature = "postgres")]
pub use postgres::{Database, Postgres};
pub use scripted::{BrokenError, Record, Scripted, ScriptedFuture, Step};
pub use upstream::{Fault, FaultyUpstream, Refusing};
pub use virtual_time::VirtualTime;
pub use written::Written;
