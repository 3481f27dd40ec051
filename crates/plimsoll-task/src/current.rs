//! Values that belong to the running work: set while a future is polled, restored when the poll returns or unwinds.
//!
//! A plain cell that every poll sets and restores, not a `task_local!`: no `RefCell`, and the value is merged anew at each
//! poll, so a future made under a generous deadline and polled under a tight one obeys the tight one.

use pin_project_lite::pin_project;
use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
    thread::LocalKey,
};

/// A value of which each thread has a current one. Outside of any scope it is the default.
pub trait Ambient: Copy + Default + 'static {
    /// Returns the cell that holds the current value.
    fn cell() -> &'static LocalKey<Cell<Self>>;

    /// Returns the value that holds inside a scope of `self` when `outer` holds around it.
    fn within(self, outer: Self) -> Self;
}

/// Returns the current value.
#[inline]
pub(crate) fn current<T: Ambient>() -> T {
    // The cell is gone while the thread ends; nothing reads it any more then.
    T::cell().try_with(Cell::get).unwrap_or_default()
}

/// A guard: its value holds on this thread until it is dropped, by unwinding too.
#[derive(Debug)]
pub(crate) struct Entered<T: Ambient> {
    before: T,
}

impl<T: Ambient> Entered<T> {
    #[inline]
    pub(crate) fn new(value: T) -> Self {
        let before = current::<T>();
        let _ = T::cell().try_with(|cell| cell.set(value.within(before)));
        Self { before }
    }
}

impl<T: Ambient> Drop for Entered<T> {
    #[inline]
    fn drop(&mut self) {
        let _ = T::cell().try_with(|cell| cell.set(self.before));
    }
}

pin_project! {
    /// A future that runs under a value of its own: a [deadline](crate::Deadline::scope) or
    /// [trace ids](crate::trace::TraceIds::scope).
    ///
    /// Cancel safe where the inner future is. While it is dropped, the value around it holds.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Scoped<T, F> {
        value: T,
        #[pin]
        future: F,
    }
}

impl<T, F> Scoped<T, F> {
    pub(crate) const fn new(value: T, future: F) -> Self {
        Self { value, future }
    }
}

impl<T: Ambient, F: Future> Future for Scoped<T, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = Entered::new(*this.value);
        this.future.poll(cx)
    }
}
