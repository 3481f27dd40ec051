use super::{PanicError, install_hook};
use pin_project_lite::pin_project;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

/// Runs `future` and turns a panic of it into an error.
///
/// Data that the future shares with others may be left half-changed by the panic, as after any `catch_unwind`: std's
/// locks show that by their poison, other data does not.
///
/// Cancel safe where the inner future is. Dropped half-way, it drops the inner future, and a panic of that drop goes
/// on.
///
/// # Errors
/// [`PanicError`] if the future panicked, or the drop of it after its end; and if it is polled after its end, as most
/// futures panic then.
pub fn catch<F: Future>(future: F) -> Caught<F> {
    install_hook();
    Caught { future: Some(future) }
}

/// Calls `work` and turns a panic of it into an error.
#[inline]
pub(crate) fn catch_call<T>(work: impl FnOnce() -> T) -> Result<T, PanicError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(PanicError::from_payload)
}

pin_project! {
    /// A future whose panics are errors, as [`catch`] makes it.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Caught<F> {
        #[pin]
        future: Option<F>,
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, PanicError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = catch_call(|| {
            let polled = this.future.as_mut().as_pin_mut().expect("not polled after its end").poll(cx);
            if polled.is_ready() {
                // What the future still owns goes here, where a panic of its `Drop` is caught, too.
                this.future.set(None);
            }
            polled
        });
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panicked) => {
                // A half-run future is dropped now, not with the result. Its slot is empty even if that panics.
                let _ = catch_call(|| this.future.set(None));
                Poll::Ready(Err(panicked))
            }
        }
    }
}
