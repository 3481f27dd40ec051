use super::participant::Participant;
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_service::Service;

pin_project! {
    /// A call that leads, or follows the call of another caller.
    ///
    /// Cancel safe: if the leader is dropped, one of the followers becomes the leader.
    pub struct ResponseFuture<S, Req>
    where
        S: Service<Req>,
    {
        // Before the participant in drop order: the next leader begins after this call has ended.
        #[pin]
        leading: Option<S::Future>,
        // For a follower that becomes the leader.
        waiting: Option<(S, Req)>,
        participant: Option<Participant<Result<S::Response, S::Error>>>,
    }
}

impl<S: Service<Req>, Req> ResponseFuture<S, Req> {
    pub(super) fn leading(
        future: S::Future,
        participant: Option<Participant<Result<S::Response, S::Error>>>,
    ) -> Self {
        Self { leading: Some(future), waiting: None, participant }
    }

    pub(super) fn following(
        participant: Participant<Result<S::Response, S::Error>>,
        inner: S,
        request: Req,
    ) -> Self {
        Self { leading: None, waiting: Some((inner, request)), participant: Some(participant) }
    }
}

impl<S, Req> Future for ResponseFuture<S, Req>
where
    S: Service<Req>,
    S::Response: Clone,
    S::Error: Clone,
{
    type Output = Result<S::Response, S::Error>;

    /// # Panics
    /// When polled after its end.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.leading.is_none() {
            let participant = this.participant.as_mut().expect("a call was polled after its end");
            if let Some(result) = ready!(participant.poll(cx)) {
                *this.participant = None;
                return Poll::Ready(result);
            }
            let (inner, _) = this.waiting.as_mut().expect("a follower keeps its service and request");
            if let Err(error) = ready!(inner.poll_ready(cx)) {
                return Poll::Ready(completed(this.participant, Err(error)));
            }
            if let Some((mut inner, request)) = this.waiting.take() {
                this.leading.set(Some(inner.call(request)));
            }
        }
        let Some(leading) = this.leading.as_mut().as_pin_mut() else { return Poll::Pending };
        let result = ready!(leading.poll(cx));
        this.leading.set(None);
        Poll::Ready(completed(this.participant, result))
    }
}

fn completed<T: Clone>(participant: &mut Option<Participant<T>>, result: T) -> T {
    if let Some(mut participant) = participant.take() {
        participant.complete(result.clone());
    }
    result
}

impl<S: Service<Req>, Req> fmt::Debug for ResponseFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("singleflight::ResponseFuture")
    }
}
