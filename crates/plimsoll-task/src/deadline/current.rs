use super::Deadline;
use pin_project_lite::pin_project;
use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
};

// A plain cell that every poll sets and restores, not a `task_local!`: no `RefCell`, and the earlier of two deadlines is
// found anew at each poll, so a future made under a generous deadline and polled under a tight one obeys the tight one.
thread_local! {
    static CURRENT: Cell<Deadline> = const { Cell::new(Deadline::NEVER) };
}

#[inline]
pub(super) fn get() -> Deadline {
    // Gone while the thread ends, and then nothing waits any more.
    CURRENT.try_with(Cell::get).unwrap_or(Deadline::NEVER)
}

/// A narrower deadline holds on this thread until this is dropped, by unwinding too.
#[derive(Debug)]
pub(crate) struct Entered {
    before: Deadline,
}

impl Entered {
    #[inline]
    pub(crate) fn new(deadline: Deadline) -> Self {
        let before = get();
        let _ = CURRENT.try_with(|current| current.set(before.min(deadline)));
        Self { before }
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.set(self.before));
    }
}

pin_project! {
    /// A future under a deadline, as [`Deadline::scope`] makes it.
    ///
    /// Cancel safe where the inner future is. While it is dropped, the deadline around it holds.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Scoped<F> {
        deadline: Deadline,
        #[pin]
        future: F,
    }
}

impl<F> Scoped<F> {
    pub(super) const fn new(deadline: Deadline, future: F) -> Self {
        Self { deadline, future }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = Entered::new(*this.deadline);
        this.future.poll(cx)
    }
}
