//! Whether this worker cuts off what is left: requests that end from then on were ended by the drain, not by their client.

use std::cell::Cell;

thread_local! {
    static CUT: Cell<bool> = const { Cell::new(false) };
}

/// The drain's time is over on this thread.
pub(super) fn begin() {
    CUT.set(true);
}

/// Whether the drain's time is over on this thread.
pub(crate) fn is_cut() -> bool {
    CUT.try_with(Cell::get).unwrap_or(true)
}
