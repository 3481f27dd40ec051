//! Panics as lines of the log.

use super::Logs;
use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::{PanicHookInfo, set_hook},
    time::Duration,
};

/// From now on a panic is a line of the log. What the standard hook writes waits for standard error, and a request that
/// panics would wait with it.
pub(super) fn log_them(logs: Logs) {
    set_hook(Box::new(move |info| {
        log(info);
        if cfg!(panic = "abort") {
            logs.flush(Duration::from_millis(250));
        }
    }));
}

fn log(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("a value that is no text");
    let at = info.location().map(tracing::field::display);
    let thread = std::thread::current();
    // Taken only where RUST_BACKTRACE asks for it.
    let trace = Backtrace::capture();
    let trace = (trace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(&trace));
    tracing::error!(target: "panic", at, thread = thread.name(), backtrace = trace, "panicked: {message}");
}
