use super::{
    core::{Core, Inside},
    error::{ChildError, Error},
    register::ChildSlot,
    tally::Tally,
};
use crate::{Deadline, deadline::Entered, panic::catch_call, trace::TraceContext};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

pin_project! {
    /// A child: the future with its slot. However it ends, everything it owned is dropped before it leaves the scope.
    pub(super) struct Job<F, E> {
        #[pin]
        future: Option<F>,
        deadline: Deadline,
        context: TraceContext,
        slot: Option<ChildSlot>,
        core: Option<Arc<Core>>,
        tally: Arc<Tally<E>>,
    }

    impl<F, E> PinnedDrop for Job<F, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.slot.is_none() {
                return;
            }
            // Dropped before its end. A panic in there is told to the scope, and not to tokio, which would lose it.
            let dropped = {
                let _traced = this.context.enter();
                catch_call(|| this.future.set(None))
            };
            leave(this.slot, this.core, this.tally, false, dropped.err().map(Error::Panicked));
        }
    }
}

impl<F, E> Job<F, E> {
    pub(super) fn new(
        future: F,
        slot: ChildSlot,
        deadline: Deadline,
        core: Arc<Core>,
        tally: Arc<Tally<E>>,
    ) -> Self {
        let context = TraceContext::current();
        Self { future: Some(future), deadline, context, slot: Some(slot), core: Some(core), tally }
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Future for Job<F, E> {
    type Output = Result<T, ChildError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = {
            let _inside = Inside::new(this.core);
            let _entered = Entered::new(*this.deadline);
            let _traced = this.context.enter();
            let polled = catch_call(|| {
                let polled = match this.future.as_mut().as_pin_mut() {
                    Some(future) => future.poll(cx),
                    None => return Poll::Pending,
                };
                if polled.is_ready() {
                    this.future.set(None);
                }
                polled
            });
            if polled.is_err() {
                // What is left of it goes now. A second panic, in there, has nothing to add.
                let _ = catch_call(|| this.future.set(None));
            }
            polled
        };
        let (ended, error) = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(value))) => (Ok(value), None),
            Ok(Poll::Ready(Err(error))) => (Err(ChildError::Failed), Some(Error::Failed(error))),
            Err(panicked) => (Err(ChildError::Panicked), Some(Error::Panicked(panicked))),
        };
        leave(this.slot, this.core, this.tally, true, error);
        Poll::Ready(ended)
    }
}

/// Reports the error first, then leaves: an observer that sees the scope empty sees the error as well.
fn leave<E>(
    slot: &mut Option<ChildSlot>,
    core: &mut Option<Arc<Core>>,
    tally: &Tally<E>,
    finished: bool,
    error: Option<Error<E>>,
) {
    let (Some(slot), Some(core)) = (slot.take(), core.take()) else { return };
    if let Some(error) = error {
        tally.add(error);
        if tally.first_ends {
            core.token.cancel();
        }
    }
    core.leave(slot, finished);
}
