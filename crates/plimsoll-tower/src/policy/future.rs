use super::{lanes::Lanes, pilot::Pilot};
use crate::{Classify, Error, Replay, driver::to_tokio};
use pin_project_lite::pin_project;
use plimsoll_policy::{
    AttemptRole, Instant, Observer,
    call::{Action, AttemptId, Event},
};
use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::time::Sleep;
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
        pilot: Pilot<S, Req, C, P, O>,
        #[pin]
        lanes: Lanes<S::Future>,
        #[pin]
        timer: Option<Sleep>,
        armed: Instant,
    }

    impl<S, Req, C, P, O> PinnedDrop for ResponseFuture<S, Req, C, P, O>
    where
        S: Service<P::Sent>,
        P: Replay<Req>,
        O: Observer,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // What is under way ends before its place is given to the next.
            this.lanes.clear();
            this.pilot.gone();
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
    /// Admits, and calls the inner service if that went through at once.
    // Inlined with its caller, so that the future is made where it will be polled.
    #[inline(always)]
    pub(super) fn begin(pilot: Pilot<S, Req, C, P, O>, inner: &mut S) -> Self {
        // Whole from here on: a panic of the inner service drops it, and with it settles what was admitted.
        let mut future = Self { pilot, lanes: Lanes::EMPTY, timer: None, armed: Instant::FAR };
        match future.pilot.tell(Event::Start) {
            Action::Attempt { id, .. } => future.launch(id, inner),
            Action::Finish(finish) => future.pilot.verdict = future.pilot.finish(finish).err(),
            _queued => future.pilot.service = Some(take_ready(inner)),
        }
        future
    }

    #[inline]
    fn launch(&mut self, id: AttemptId, inner: &mut S) {
        let Some(sent) = self.pilot.first() else { return };
        let attempt = if self.pilot.repeats() {
            let ready = self.pilot.service.insert(take_ready(inner));
            ready.call(sent)
        } else {
            inner.call(sent)
        };
        self.lanes.open_with(id, attempt);
    }
}

/// The instance that was readied; a clone that was not stays behind.
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
        if let Some(verdict) = self.as_mut().project().pilot.verdict.take() {
            return Poll::Ready(Err(verdict));
        }
        loop {
            // Attempts before the clock: an answer that is there counts, whatever the time.
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
    /// Until an attempt ends.
    #[inline]
    fn poll_attempts(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Action> {
        let mut this = self.project();
        if let Poll::Ready((id, result)) = this.lanes.as_mut().poll(cx) {
            return Poll::Ready(this.pilot.ended(id, result));
        }
        let (Some((id, _)), Some(service)) = (&this.pilot.readying, &mut this.pilot.service) else {
            return Poll::Pending;
        };
        let id = *id;
        match ready!(service.poll_ready(cx)) {
            Ok(()) => {
                if let Some((id, sent)) = this.pilot.readying.take() {
                    let attempt = service.call(sent);
                    this.lanes.as_mut().open(id, attempt);
                }
                Poll::Ready(this.pilot.proceed())
            }
            Err(error) => {
                this.pilot.readying = None;
                Poll::Ready(this.pilot.ended(id, Err(error)))
            }
        }
    }

    /// Until a place in line is granted or a limit runs out.
    fn poll_wait(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Action> {
        let mut this = self.project();
        let mut action = this.pilot.proceed();
        if let Action::Wait { ticket: Some(ticket), .. } = action {
            action = this.pilot.queue(ticket, cx.waker());
        }
        let Action::Wait { until, .. } = action else { return Poll::Ready(action) };
        let Some(at) = to_tokio(until) else { return Poll::Pending };
        if this.timer.is_none() {
            this.timer.set(Some(tokio::time::sleep_until(at)));
        } else if *this.armed != until
            && let Some(timer) = this.timer.as_mut().as_pin_mut()
        {
            timer.reset(at);
        }
        *this.armed = until;
        if let Some(timer) = this.timer.as_mut().as_pin_mut() {
            ready!(timer.poll(cx));
        }
        // A timer that has rung must be set again before it can be polled again.
        this.timer.set(None);
        let under_way = this.pilot.readying.is_some() || this.lanes.as_ref().is_open();
        Poll::Ready(this.pilot.rang(under_way))
    }

    /// Carries an action out. The call's end is given back.
    #[inline]
    fn obey(self: Pin<&mut Self>, mut action: Action) -> Option<Output<S, P::Sent>> {
        let mut this = self.project();
        loop {
            match action {
                Action::Finish(finish) => return Some(this.pilot.finish(finish)),
                Action::Wait { .. } => return None,
                Action::Attempt { id, role } => {
                    this.pilot.leave_queue();
                    if role != AttemptRole::Hedge {
                        this.pilot.forget_last();
                    }
                    if let (Some(sent), Some(service)) = (this.pilot.first(), &mut this.pilot.service) {
                        // It was readied for this call and has waited in line since.
                        let attempt = service.call(sent);
                        this.lanes.as_mut().open(id, attempt);
                    } else {
                        this.pilot.readying = this.pilot.again().map(|sent| (id, sent));
                    }
                    return None;
                }
                Action::Abort { id, .. } => {
                    this.lanes.as_mut().close(id);
                    this.pilot.readying.take_if(|(readying, _)| *readying == id);
                    action = this.pilot.proceed();
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
        f.debug_struct("ResponseFuture").field("pilot", &self.pilot).finish_non_exhaustive()
    }
}
