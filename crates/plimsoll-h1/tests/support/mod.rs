//! A proxy in miniature over in-memory pieces, and hyper beside it. Shared by the property tests and the fuzz targets.
//!
//! [`check`] states what must hold for any input. The requests of a connection are [forwarded](forward) through the engine,
//! or the response of an upstream is [relayed](relay); what comes out is compared with the outcome for other reads and
//! writes, and with hyper's reading of the same bytes and of the bytes that were passed on.

// Each test binary and fuzz target uses a part of it.
#![allow(dead_code, unreachable_pub, reason = "not every user needs everything")]

pub mod beside;
pub mod check;
pub mod forward;
pub mod message;
#[cfg(test)]
pub mod mutate;
pub mod pieces;
pub mod relay;

#[cfg(test)]
#[allow(unused_imports, reason = "not every user needs both")]
pub use mutate::{cuts, mutated};

use std::cell::RefCell;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    // Time stands still: a wait ends at once, and a test does not take longer for it.
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime"),
    );
}

/// Runs a future to its end on the thread's runtime.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with_borrow(|runtime| runtime.block_on(future))
}
