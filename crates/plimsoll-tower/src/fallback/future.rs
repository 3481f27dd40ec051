use crate::Classify;
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// A call whose failure is replaced. Cancel safe if the inner future and the fallback's are.
    pub struct ResponseFuture<F, B, Instead, C> {
        #[pin]
        stage: Stage<F, Instead>,
        fallback: B,
        classify: C,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F, Instead> {
        Called { #[pin] future: F },
        Instead { #[pin] future: Instead },
    }
}

impl<F, B, Instead, C> ResponseFuture<F, B, Instead, C> {
    #[inline]
    pub(super) fn new(future: F, fallback: B, classify: C) -> Self {
        Self { stage: Stage::Called { future }, fallback, classify }
    }
}

impl<F, B, Instead, C, Response, E> Future for ResponseFuture<F, B, Instead, C>
where
    F: Future<Output = Result<Response, E>>,
    B: Fn(Result<Response, E>) -> Instead,
    Instead: Future<Output = Result<Response, E>>,
    C: Classify<Response, E>,
{
    type Output = Result<Response, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let result = match this.stage.as_mut().project() {
                StageProjection::Called { future } => ready!(future.poll(cx)),
                StageProjection::Instead { future } => return future.poll(cx),
            };
            if !this.classify.classify(result.as_ref()).outcome.is_failure() {
                return Poll::Ready(result);
            }
            let future = (this.fallback)(result);
            this.stage.set(Stage::Instead { future });
        }
    }
}

impl<F, B, Instead, C> fmt::Debug for ResponseFuture<F, B, Instead, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fallback::ResponseFuture")
    }
}
