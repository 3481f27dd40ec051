use super::{DeadlineBody, DeadlineRules, rules::body_deadline};
use crate::{
    Kind, Problem,
    inbound::refusable::{Form, RefusableBody},
};
use http::{Request, Response};
use pin_project_lite::pin_project;
use plimsoll_task::{
    Deadline,
    deadline::{DeadlineExceededError, Enforced},
};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

/// Gives each request its deadline, and keeps it. See the [module](super).
#[derive(Clone, Debug)]
pub struct DeadlineLayer {
    rules: Arc<DeadlineRules>,
}

impl DeadlineLayer {
    /// By these rules.
    pub fn new(rules: DeadlineRules) -> Self {
        Self { rules: Arc::new(rules) }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { inner, rules: Arc::clone(&self.rules) }
    }
}

/// A service whose requests have deadlines. See the [module](super).
#[derive(Clone, Debug)]
pub struct DeadlineService<S> {
    inner: S,
    rules: Arc<DeadlineRules>,
}

impl<S, B, R> Service<Request<B>> for DeadlineService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<RefusableBody<DeadlineBody<R>>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let form = Form::of(request.headers());
        let now = Instant::now();
        let deadline = self.rules.deadline(now, request.headers(), request.extensions());
        if deadline.instant().is_some_and(|at| at <= now) {
            return ResponseFuture { inner: None, form, deadline };
        }
        request.extensions_mut().insert(deadline);
        // The service may do its work in `call`, before there is a future.
        let inner = deadline.sync_scope(|| self.inner.call(request));
        ResponseFuture { inner: Some(deadline.enforce(inner)), form, deadline }
    }
}

pin_project! {
    /// A response that is wanted until a deadline. Cancel safe where the inner future is.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: Option<Enforced<F>>,
        form: Form,
        deadline: Deadline,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<RefusableBody<DeadlineBody<R>>>, E>;

    /// # Panics
    /// Where it has to wait outside a tokio runtime with its time driver, and when polled again after its end.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = match this.inner.as_pin_mut() {
            Some(inner) => ready!(inner.poll(cx)),
            None => Err(DeadlineExceededError),
        };
        let Ok(response) = result else {
            return Poll::Ready(Ok(this.form.refuse(Problem::new(Kind::DeadlineExceeded))));
        };
        let response = response?;
        let deadline = body_deadline(*this.deadline, response.headers(), response.extensions());
        let grpc = *this.form == Form::Grpc;
        Poll::Ready(Ok(
            response.map(|body| RefusableBody::of_service(DeadlineBody::new(body, deadline, grpc)))
        ))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
