//! Rejections of the layers of `plimsoll_tower`, as responses.

use super::refusable::{Form, RefusableBody};
use crate::{Problem, layers::with_client};
use http::{Request, Response};
use pin_project_lite::pin_project;
use plimsoll_tower::Error;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// A layer of [`plimsoll_tower`] whose errors ([`Error::Rejected`], [`Error::TimedOut`]) become responses: 429, 503 or 504
/// with `Retry-After`. The service's own error passes as what it is.
///
/// ```
/// use plimsoll_http::{inbound::RejectAsResponse, layers::{HttpFacts, KeyBy}};
/// use plimsoll_policy::rate::RateLimitSpec;
/// use plimsoll_tower::RateLimitLayer;
///
/// let spec = RateLimitSpec::new("50/s".parse().unwrap());
/// let per_client = RejectAsResponse::new(RateLimitLayer::keyed(spec, HttpFacts::by(KeyBy::Client)));
/// # let _ = per_client;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RejectAsResponse<L> {
    layer: Option<L>,
}

impl<L> RejectAsResponse<L> {
    /// With this layer.
    pub const fn new(layer: L) -> Self {
        Self { layer: Some(layer) }
    }

    /// With this layer, if there is one: the type of the service is the same either way.
    pub const fn maybe(layer: Option<L>) -> Self {
        Self { layer }
    }
}

impl<S, L: Layer<S>> Layer<S> for RejectAsResponse<L> {
    type Service = RejectAsResponseService<S, L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        RejectAsResponseService(match &self.layer {
            Some(layer) => Either::Policy(layer.layer(inner)),
            None => Either::Plain(inner),
        })
    }
}

/// A service that responds to rejected requests itself. See [`RejectAsResponse`].
#[derive(Clone, Debug)]
pub struct RejectAsResponseService<S, P>(Either<S, P>);

#[derive(Clone, Debug)]
enum Either<S, P> {
    Plain(S),
    Policy(P),
}

impl<S, P, B, R> Service<Request<B>> for RejectAsResponseService<S, P>
where
    S: Service<Request<B>, Response = Response<R>>,
    P: Service<Request<B>, Response = Response<R>, Error = Error<S::Error>>,
{
    type Response = Response<RefusableBody<R>>;
    type Error = S::Error;
    type Future = RejectAsResponseFuture<S::Future, P::Future>;

    /// The inner service's readiness. A layer that refuses already here, which none of ours does, is found ready and
    /// refuses when called.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        match &mut self.0 {
            Either::Plain(inner) => inner.poll_ready(cx),
            Either::Policy(inner) => Poll::Ready(match ready!(inner.poll_ready(cx)) {
                Err(Error::Inner(error)) => Err(error),
                Ok(()) | Err(Error::Rejected(_) | Error::TimedOut(_)) => Ok(()),
            }),
        }
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        RejectAsResponseFuture {
            stage: match &mut self.0 {
                Either::Plain(inner) => Stage::Plain { inner: inner.call(request) },
                Either::Policy(inner) => {
                    let form = Form::of(request.headers());
                    match with_client(|| inner.call(request)) {
                        Ok(inner) => Stage::Policy { inner, form },
                        Err(error) => Stage::Failed { problem: Some(error.into()), form },
                    }
                }
            },
        }
    }
}

pin_project! {
    /// A response, whatever a policy says. Cancel safe where the inner future is.
    #[derive(Debug)]
    pub struct RejectAsResponseFuture<F, P> {
        #[pin]
        stage: Stage<F, P>,
    }
}

pin_project! {
    #[project = StageProjection]
    #[derive(Debug)]
    enum Stage<F, P> {
        Plain { #[pin] inner: F },
        Policy { #[pin] inner: P, form: Form },
        Failed { problem: Option<Problem>, form: Form },
    }
}

impl<F, P, R, E> Future for RejectAsResponseFuture<F, P>
where
    F: Future<Output = Result<Response<R>, E>>,
    P: Future<Output = Result<Response<R>, Error<E>>>,
{
    type Output = Result<Response<RefusableBody<R>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().stage.project() {
            StageProjection::Plain { inner } => {
                ready!(inner.poll(cx)).map(|response| response.map(RefusableBody::of_service))
            }
            StageProjection::Policy { inner, form } => match ready!(inner.poll(cx)) {
                Ok(response) => Ok(response.map(RefusableBody::of_service)),
                Err(Error::Rejected(rejected)) => Ok(form.refuse(Problem::from(rejected))),
                Err(Error::TimedOut(limit)) => Ok(form.refuse(Problem::from(limit))),
                Err(Error::Inner(error)) => Err(error),
            },
            StageProjection::Failed { problem, form } => match problem.take() {
                Some(problem) => Ok(form.refuse(problem)),
                None => return Poll::Pending,
            },
        })
    }
}
