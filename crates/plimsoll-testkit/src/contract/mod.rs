//! The contract of layers that admit calls, as probes for any layer.
//!
//! ```
//! use plimsoll_testkit::contract::{Contract, Inner};
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! // Made anew for each probe, and applied by the closure that this gives. (Here: a layer that does nothing.)
//! let contract = Contract::new(|| |inner: Inner| inner);
//! contract.errors(|error: &plimsoll_testkit::BrokenError| Some(*error)).hold().await;
//! # }
//! ```
//!
//! | probe | the rule |
//! | --- | --- |
//! | [`readiness_carries_no_permit`](Contract::readiness_carries_no_permit) | polling for readiness takes nothing, however often; a readied service may be dropped, or kept without being called |
//! | [`readiness_is_the_inner_ones`](Contract::readiness_is_the_inner_ones) | a service is ready when the inner one is |
//! | [`clones_share`](Contract::clones_share) | clones and repeated layering neither lose nor double a permit |
//! | [`the_ready_instance_is_called`](Contract::the_ready_instance_is_called) | never a fresh clone of it |
//! | [`cancelled_anywhere`](Contract::cancelled_anywhere) | a call dropped after any number of polls, or before the first, gives back what it held and ends the inner call |
//! | [`outlives_its_service`](Contract::outlives_its_service) | calls under way end well when the service is dropped |
//! | [`panics_settle`](Contract::panics_settle) | a panic of the inner service, in `call` or in `poll`, leaves no permit behind |
//! | [`errors_pass_typed`](Contract::errors_pass_typed) | the inner service's error comes through as what it is |
//!
//! The probes drive futures by hand and need no timer to ring, but a runtime to be there: run them in a `#[tokio::test]` with
//! a paused clock.

mod probes;
mod stand;

pub use probes::Contract;

use crate::{BrokenError, Scripted};

/// The inner service that a layer is put around.
pub type Inner = Scripted<u32, u32, BrokenError>;
