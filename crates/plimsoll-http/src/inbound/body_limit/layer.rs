use super::{LimitedBody, body::ExceededLimit};
use crate::{
    Kind, Problem,
    inbound::{
        grpc_trailers::{TrailersBody, is_failure},
        refusable::{Form, RefusableBody},
    },
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// Limits on a body's size and the time of its arrival. `None` means no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ArrivalLimits {
    /// Bytes.
    pub size: Option<u64>,
    /// The longest time without bytes while the service waits for them. It does not hold for gRPC, where a client's stream
    /// may be quiet between messages.
    pub idle: Option<Duration>,
    /// From the request's head to the body's end.
    pub total: Option<Duration>,
}

/// A layer that keeps request bodies within limits. See the [module](super).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BodyLimitLayer {
    limits: ArrivalLimits,
}

impl BodyLimitLayer {
    /// Creates a layer with these limits.
    pub const fn new(limits: ArrivalLimits) -> Self {
        Self { limits }
    }
}

impl<S> Layer<S> for BodyLimitLayer {
    type Service = BodyLimitService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BodyLimitService { inner, limits: self.limits }
    }
}

/// A service whose requests' bodies are within limits. See the [module](super).
#[derive(Clone, Debug)]
pub struct BodyLimitService<S> {
    inner: S,
    limits: ArrivalLimits,
}

impl<S, B, R> Service<Request<B>> for BodyLimitService<S>
where
    S: Service<Request<LimitedBody<B>>, Response = Response<R>>,
    B: Body<Data = Bytes>,
{
    type Response = Response<RefusableBody<TrailersBody<R>>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let form = Form::of(request.headers());
        if request.body().is_end_stream() {
            let inner = self.inner.call(request.map(LimitedBody::empty));
            return ResponseFuture { stage: Stage::Called { inner, exceeded: None }, form };
        }
        if self.limits.size.is_some_and(|most| request.body().size_hint().lower() > most) {
            return ResponseFuture { stage: Stage::Refused, form };
        }
        let limits = match form {
            Form::Http => self.limits,
            // A stream may be quiet between messages.
            Form::Grpc => ArrivalLimits { idle: None, ..self.limits },
        };
        let exceeded = Arc::<ExceededLimit>::default();
        let request = request.map(|body| LimitedBody::new(body, limits, Arc::clone(&exceeded)));
        ResponseFuture {
            stage: Stage::Called { inner: self.inner.call(request), exceeded: Some(exceeded) },
            form,
        }
    }
}

pin_project! {
    /// A response to a request whose body has limits. Cancel safe where the inner future is.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        stage: Stage<F>,
        form: Form,
    }
}

pin_project! {
    #[project = StageProjection]
    #[derive(Debug)]
    enum Stage<F> {
        Refused,
        Called { #[pin] inner: F, exceeded: Option<Arc<ExceededLimit>> },
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<RefusableBody<TrailersBody<R>>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let StageProjection::Called { inner, exceeded } = this.stage.project() else {
            return Poll::Ready(Ok(this.form.refuse(Problem::new(Kind::BodyTooLarge))));
        };
        let response = ready!(inner.poll(cx))?;
        let failed = match this.form {
            Form::Http => response.status().as_u16() >= 400,
            // A response without a message has its status in the head.
            Form::Grpc => is_failure(response.headers()),
        };
        let problem = exceeded.as_ref().filter(|_| failed).and_then(|exceeded| exceeded.problem());
        // A response with messages has its status in the trailers.
        let later = exceeded.take().filter(|_| *this.form == Form::Grpc);
        Poll::Ready(Ok(match problem {
            Some(problem) => this.form.refuse(problem),
            None => response.map(|body| RefusableBody::of_service(TrailersBody::new(body, later))),
        }))
    }
}
