//! Any tower service as an app.

use super::routes;
use crate::Problem;
use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_service::Service;

/// A service whose errors are problems, and so answers.
#[derive(Clone, Debug)]
pub(super) struct Wrapped<S> {
    inner: S,
}

impl<S> Wrapped<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, R> Service<R> for Wrapped<S>
where
    S: Service<R> + Clone,
    S::Response: IntoResponse,
    S::Error: Into<Problem>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RefusableFuture<S, R>;

    /// Always: an error of the inner service's readiness belongs to a request.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        // Its requests count as one route, and that is meant.
        routes::single();
        RefusableFuture { stage: Stage::Readying { inner: self.inner.clone(), request: Some(request) } }
    }
}

pin_project! {
    pub(super) struct RefusableFuture<S: Service<R>, R> {
        #[pin]
        stage: Stage<S, R, S::Future>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<S, R, F> {
        Readying { inner: S, request: Option<R> },
        Called { #[pin] future: F },
    }
}

impl<S, R> Future for RefusableFuture<S, R>
where
    S: Service<R>,
    S::Response: IntoResponse,
    S::Error: Into<Problem>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let future = match this.stage.as_mut().project() {
                StageProjection::Called { future } => {
                    return Poll::Ready(Ok(match ready!(future.poll(cx)) {
                        Ok(answer) => answer.into_response(),
                        Err(error) => error.into().into_response(),
                    }));
                }
                StageProjection::Readying { inner, request } => {
                    if let Err(error) = ready!(inner.poll_ready(cx)) {
                        return Poll::Ready(Ok(error.into().into_response()));
                    }
                    let Some(request) = request.take() else { return Poll::Pending };
                    inner.call(request)
                }
            };
            this.stage.set(Stage::Called { future });
        }
    }
}
