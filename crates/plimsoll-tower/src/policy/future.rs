use super::call_state::CallState;
use crate::{
    Classify, Error, Replay,
    driver::{AttemptSlots, Timer},
};
use pin_project_lite::pin_project;
use plimsoll_policy::{
    AttemptRole, Observer,
    call::{Action, AttemptId},
};
use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_service::Service;

pin_project! {
    /// A call under a policy.
    ///
    /// Cancel safe: see the [module](super).
    pub struct ResponseFuture<S, Req, C, P, O>
    where
        S: Service<P::Sent>,
        P: Replay<Req>,
        O: Observer,
    {
        state: CallState<S, Req, C, P, O>,
        #[pin]
        slots: AttemptSlots<S::Future>,
        #[pin]
        timer: Timer,
    }

    impl<S, Req, C, P, O> PinnedDrop for ResponseFuture<S, Req, C, P, O>
    where
        S: Service<P::Sent>,
        P: Replay<Req>,
        O: Observer,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // Attempts in flight end before their permits are given to others.
            this.slots.clear();
            this.state.gone();
        }
    }
}

impl<S, Req, C, P, O> ResponseFuture<S, Req, C, P, O>
where
    S: Service<P::Sent> + Clone,
    C: Classify<S::Response, S::Error>,
    P: Replay<Req>,
    O: Observer,
{
    /// Admits the call, and calls the inner service if it is admitted at once.
    // Inlined with its caller, so that the future is made where it will be polled.
    #[inline(always)]
    pub(super) fn begin(state: CallState<S, Req, C, P, O>, inner: &mut S) -> Self {
        // Whole from here on: a panic of the inner service drops it, and with it settles what was admitted.
        let mut future = Self { state, slots: AttemptSlots::new(), timer: Timer::new() };
        match future.state.start() {
            Action::Attempt { id, .. } => future.launch(id, inner),
            Action::Finish(finish) => future.state.early_error = future.state.finish(finish).err(),
            _waits => future.state.service = Some(take_ready(inner)),
        }
        future
    }

    #[inline]
    fn launch(&mut self, id: AttemptId, inner: &mut S) {
        let Some(sent) = self.state.first() else { return };
        let attempt = if self.state.repeats() {
            let ready = self.state.service.insert(take_ready(inner));
            ready.call(sent)
        } else {
            inner.call(sent)
        };
        self.slots.open_with(id, attempt);
    }
}

/// Takes the readied instance and leaves a clone that is not ready.
fn take_ready<S: Clone>(inner: &mut S) -> S {
    let fresh = inner.clone();
    mem::replace(inner, fresh)
}

type Output<S, R> = Result<<S as Service<R>>::Response, Error<<S as Service<R>>::Error>>;

impl<S, Req, C, P, O> Future for ResponseFuture<S, Req, C, P, O>
where
    S: Service<P::Sent>,
    C: Classify<S::Response, S::Error>,
    P: Replay<Req>,
    O: Observer,
{
    type Output = Output<S, P::Sent>;

    /// # Panics
    /// Where a timer is needed outside a tokio runtime with its time driver, and when polled after its end.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(error) = self.as_mut().project().state.early_error.take() {
            return Poll::Ready(Err(error));
        }
        loop {
            // Attempts before the clock: a response that is there counts, whatever the time.
            let action = match self.as_mut().poll_attempts(cx) {
                Poll::Ready(action) => action,
                Poll::Pending => ready!(self.as_mut().poll_wait(cx)),
            };
            if let Some(output) = self.as_mut().obey(action) {
                return Poll::Ready(output);
            }
        }
    }
}

impl<S, Req, C, P, O> ResponseFuture<S, Req, C, P, O>
where
    S: Service<P::Sent>,
    C: Classify<S::Response, S::Error>,
    P: Replay<Req>,
    O: Observer,
{
    /// Polls until an attempt ends.
    #[inline]
    fn poll_attempts(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Action> {
        let mut this = self.project();
        if let Poll::Ready((id, result)) = this.slots.as_mut().poll(cx) {
            return Poll::Ready(this.state.ended(id, result));
        }
        let (Some((id, _)), Some(service)) = (&this.state.readying, &mut this.state.service) else {
            return Poll::Pending;
        };
        let id = *id;
        match ready!(service.poll_ready(cx)) {
            Ok(()) => {
                if let Some((id, sent)) = this.state.readying.take() {
                    let attempt = service.call(sent);
                    this.slots.as_mut().open(id, attempt);
                }
                Poll::Ready(this.state.proceed())
            }
            Err(error) => {
                this.state.readying = None;
                Poll::Ready(this.state.ended(id, Err(error)))
            }
        }
    }

    /// Polls until a permit is granted, a turn has come or a limit runs out.
    fn poll_wait(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Action> {
        let mut this = self.project();
        let mut action = this.state.proceed();
        if let Action::Wait { ticket: Some(ticket), .. } = action {
            action = this.state.queue(ticket, cx.waker());
        }
        let Action::Wait { until, .. } = action else { return Poll::Ready(action) };
        ready!(this.timer.as_mut().poll(cx, this.state.time(), until));
        let under_way = this.state.readying.is_some() || this.slots.as_ref().is_open();
        Poll::Ready(this.state.timer_fired(under_way))
    }

    /// Carries an action out. Returns the call's result once it is over.
    #[inline]
    fn obey(self: Pin<&mut Self>, mut action: Action) -> Option<Output<S, P::Sent>> {
        let mut this = self.project();
        loop {
            match action {
                Action::Finish(finish) => return Some(this.state.finish(finish)),
                Action::Wait { .. } => return None,
                Action::Attempt { id, role } => {
                    this.state.leave_queue();
                    if role != AttemptRole::Hedge {
                        this.state.forget_last();
                    }
                    if let (Some(sent), Some(service)) = (this.state.first(), &mut this.state.service) {
                        // It was readied for this call and has waited with it since.
                        let attempt = service.call(sent);
                        this.slots.as_mut().open(id, attempt);
                    } else {
                        this.state.readying = this.state.again().map(|sent| (id, sent));
                    }
                    return None;
                }
                Action::Abort { id, .. } => {
                    this.slots.as_mut().close(id);
                    this.state.readying.take_if(|(readying, _)| *readying == id);
                    action = this.state.proceed();
                }
                Action::Closed => panic!("a call was polled after its end"),
            }
        }
    }
}

impl<S, Req, C, P, O> fmt::Debug for ResponseFuture<S, Req, C, P, O>
where
    S: Service<P::Sent>,
    P: Replay<Req>,
    O: Observer,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("state", &self.state).finish_non_exhaustive()
    }
}
