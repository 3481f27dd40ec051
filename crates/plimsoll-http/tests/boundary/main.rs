//! The boundary around services of every sort: whatever goes wrong, one form comes out and the inside stays in the log.
// A panic is what these tests are about: an assertion would say something else.
#![allow(missing_docs, clippy::manual_assert, clippy::unnecessary_wraps)]

mod bodies;
mod contract;
mod panics;
mod responses;
#[cfg(feature = "server")]
mod router;
mod support;
