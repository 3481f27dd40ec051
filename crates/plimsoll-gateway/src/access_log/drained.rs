//! Whether this worker cuts off what is left: requests that end from then on were ended by the drain, not by their client.

use std::cell::Cell;

thread_local! {
    static OVER: Cell<bool> = const { Cell::new(false) };
}

/// The drain's time is over on this thread.
pub(crate) fn drain_is_over() {
    OVER.set(true);
}

/// Whether the drain's time is over on this thread.
pub(super) fn is_drain_over() -> bool {
    OVER.try_with(Cell::get).unwrap_or(true)
}
