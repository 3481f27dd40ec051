use super::{
    Step,
    state::{Shared, lock},
};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::time::{Sleep, sleep};

/// A call of a [`super::Scripted`] service.
pub struct ScriptedFuture<Req, Res, E> {
    shared: Arc<Shared<Req, Res, E>>,
    number: usize,
    step: Option<Step<Res, E>>,
    sleep: Option<Pin<Box<Sleep>>>,
}

// Nothing in it is pinned in place.
impl<Req, Res, E> Unpin for ScriptedFuture<Req, Res, E> {}

impl<Req, Res, E> ScriptedFuture<Req, Res, E> {
    pub(super) fn new(shared: Arc<Shared<Req, Res, E>>, number: usize, step: Step<Res, E>) -> Self {
        {
            let record = &mut lock(&shared).record;
            record.in_flight += 1;
            record.most_in_flight = record.most_in_flight.max(record.in_flight);
        }
        Self { shared, number, step: Some(step), sleep: None }
    }

    fn end(&mut self) -> Poll<Result<Res, E>> {
        let record = &mut lock(&self.shared).record;
        record.in_flight -= 1;
        record.ended += 1;
        match self.step.take() {
            Some(Step::Now(result) | Step::After(_, result) | Step::Held(result)) => Poll::Ready(result),
            _ => Poll::Pending,
        }
    }
}

impl<Req, Res, E> Future for ScriptedFuture<Req, Res, E> {
    type Output = Result<Res, E>;

    /// # Panics
    /// Where the script says so, and when polled after its end.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match this.step.as_ref().expect("polled after its end") {
            Step::Now(_) => {}
            Step::After(wait, _) => {
                let wait = *wait;
                ready!(this.sleep.get_or_insert_with(|| Box::pin(sleep(wait))).as_mut().poll(cx));
            }
            Step::Held(_) => {
                let mut state = lock(&this.shared);
                if this.number >= state.released {
                    state.held.insert(this.number, cx.waker().clone());
                    return Poll::Pending;
                }
            }
            Step::Never => return Poll::Pending,
            Step::PanicInCall | Step::PanicInPoll => panic!("a scripted panic"),
        }
        this.end()
    }
}

impl<Req, Res, E> Drop for ScriptedFuture<Req, Res, E> {
    fn drop(&mut self) {
        if self.step.is_some() {
            let mut state = lock(&self.shared);
            state.record.in_flight -= 1;
            state.record.cancelled += 1;
            state.held.remove(&self.number);
        }
    }
}

impl<Req, Res, E> fmt::Debug for ScriptedFuture<Req, Res, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedFuture").field("number", &self.number).finish_non_exhaustive()
    }
}
