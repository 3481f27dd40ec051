use super::{Deadline, Entered};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Sleep, sleep_until};

/// The time was over before the work was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline has passed")]
pub struct DeadlineExceededError;

/// Runs `future` for at most `duration`, and never beyond the deadline around it.
///
/// Cancel safe where the inner future is: whether this is dropped or its time is over, the inner future is dropped.
///
/// # Errors
/// [`DeadlineExceededError`] once the time is over. A future that is ready at that very moment still counts as in time.
///
/// # Panics
/// Outside a tokio runtime with its time driver, where it has to wait.
pub fn within<F: Future>(duration: Duration, future: F) -> Enforced<F> {
    Deadline::after(duration).enforce(future)
}

pin_project! {
    /// A future that is dropped when its deadline has passed, as [`Deadline::enforce`] and [`within`] make it.
    #[must_use = "futures do nothing unless polled"]
    pub struct Enforced<F> {
        deadline: Deadline,
        #[pin]
        future: Option<F>,
        // Registered only once the inner future had to wait.
        #[pin]
        timer: Option<Sleep>,
    }
}

impl<F> Enforced<F> {
    pub(super) const fn new(deadline: Deadline, future: F) -> Self {
        Self { deadline, future: Some(future), timer: None }
    }
}

impl<F: Future> Future for Enforced<F> {
    type Output = Result<F::Output, DeadlineExceededError>;

    /// # Panics
    /// When polled again after it has ended.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let entered = Entered::new(*this.deadline);
        let future = this.future.as_mut().as_pin_mut().expect("not polled after its end");
        if let Poll::Ready(output) = future.poll(cx) {
            this.future.set(None);
            return Poll::Ready(Ok(output));
        }
        let Some(at) = Deadline::current().instant() else { return Poll::Pending };
        drop(entered);
        // The deadline around it may be a tighter one than last time: the future can have moved.
        if this.timer.as_ref().as_pin_ref().is_none_or(|timer| timer.deadline() != at) {
            this.timer.set(Some(sleep_until(at)));
        }
        match this.timer.as_mut().as_pin_mut().map(|timer| timer.poll(cx)) {
            Some(Poll::Ready(())) => {
                this.future.set(None);
                Poll::Ready(Err(DeadlineExceededError))
            }
            _ => Poll::Pending,
        }
    }
}

impl<F> fmt::Debug for Enforced<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enforced").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
