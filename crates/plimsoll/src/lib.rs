//! Production hardening for Rust backends: one crate to add.
//!
//! A Plimsoll line is the mark on a ship's hull that shows how much she may safely carry. This crate is that mark for
//! services: it re-exports the crates that stand below it, each behind a feature.
//!
//! | module | what | feature |
//! | --- | --- | --- |
//! | the root | the policies as pure machines, their words and quantities | always |
//! | [`file`] | the policy file: decoding, faults with their places, JSON Schema | `file` |
//! | [`tower`] | the policies as tower layers | `tower` |
//! | [`telemetry`] | metrics and logs | `telemetry` |
//! | [`http`] | problem details, replay bodies, header hygiene | `http` |
#![forbid(unsafe_code)]

#[doc(inline)]
pub use plimsoll_policy::*;

#[cfg(feature = "http")]
#[doc(inline)]
pub use plimsoll_http as http;
#[cfg(feature = "telemetry")]
#[doc(inline)]
pub use plimsoll_telemetry as telemetry;
#[cfg(feature = "tower")]
#[doc(inline)]
pub use plimsoll_tower as tower;
