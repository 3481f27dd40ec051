use crate::{Kind, Problem, inbound::grpc_trailers};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use plimsoll_task::Deadline;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::time::{Sleep, sleep_until};

/// How the body of a response with a deadline can fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeadlineBodyError<E> {
    /// The deadline passed before the body's end.
    #[error("the deadline has passed")]
    Exceeded,
    /// The body's own error, as it says itself.
    #[error(transparent)]
    Inner(E),
}

pin_project! {
    /// A response's body, which ends in an error when its deadline passes; in gRPC by the status `DEADLINE_EXCEEDED` (4).
    /// See the [module](super).
    pub struct DeadlineBody<B> {
        #[pin]
        inner: B,
        deadline: Deadline,
        // Boxed and made only where it has to wait: most bodies are there at once.
        timer: Option<Pin<Box<Sleep>>>,
        grpc: bool,
        over: bool,
    }
}

impl<B> DeadlineBody<B> {
    pub(crate) const fn new(inner: B, deadline: Deadline, grpc: bool) -> Self {
        Self { inner, deadline, timer: None, grpc, over: false }
    }
}

impl<B: Body> Body for DeadlineBody<B> {
    type Data = B::Data;
    type Error = DeadlineBodyError<B::Error>;

    /// # Panics
    /// Where it has to wait outside a tokio runtime with its time driver.
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let mut this = self.project();
        if *this.over {
            return Poll::Ready(None);
        }
        // A body that is made while it is sent is work like any other: it knows its deadline, too.
        let frame = match this.deadline.sync_scope(|| this.inner.as_mut().poll_frame(cx)) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let Some(at) = this.deadline.instant() else { return Poll::Pending };
                ready!(this.timer.get_or_insert_with(|| Box::pin(sleep_until(at))).as_mut().poll(cx));
                *this.over = true;
                return Poll::Ready(Some(exceeded(*this.grpc)));
            }
        };
        // The end counts whenever it comes, with the last part or after it; more of a body does not.
        if frame.is_some() && !this.inner.is_end_stream() && this.deadline.has_passed() {
            *this.over = true;
            return Poll::Ready(Some(exceeded(*this.grpc)));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(DeadlineBodyError::Inner)))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Returns the end of a body whose deadline has passed.
fn exceeded<D, E>(grpc: bool) -> Result<Frame<D>, DeadlineBodyError<E>> {
    if grpc {
        return Ok(Frame::trailers(grpc_trailers::trailers(&Problem::new(Kind::DeadlineExceeded))));
    }
    Err(DeadlineBodyError::Exceeded)
}

impl<B> fmt::Debug for DeadlineBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineBody").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
