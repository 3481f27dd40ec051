//! What the layers of `plimsoll_tower` refuse, as answers.

use super::answer::{Answer, Form};
use crate::Problem;
use http::{Request, Response};
use pin_project_lite::pin_project;
use plimsoll_tower::Error;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// A layer of [`plimsoll_tower`] whose verdicts ([`Error::Rejected`], [`Error::TimedOut`]) are answers: 429, 503 or 504
/// with `Retry-After`. The service's own error passes as what it is.
///
/// ```
/// use plimsoll_http::{inbound::Answered, layers::{HttpFacts, KeyBy}};
/// use plimsoll_policy::rate::RateLimitSpec;
/// use plimsoll_tower::RateLimitLayer;
///
/// let spec = RateLimitSpec::new("50/s".parse().unwrap());
/// let per_client = Answered::new(RateLimitLayer::keyed(spec, HttpFacts::by(KeyBy::Client)));
/// # let _ = per_client;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answered<L> {
    layer: Option<L>,
}

impl<L> Answered<L> {
    /// With this layer.
    pub const fn new(layer: L) -> Self {
        Self { layer: Some(layer) }
    }

    /// With this layer, if there is one: the type of the service is the same either way.
    pub const fn maybe(layer: Option<L>) -> Self {
        Self { layer }
    }
}

impl<S, L: Layer<S>> Layer<S> for Answered<L> {
    type Service = AnsweredService<S, L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        AnsweredService(match &self.layer {
            Some(layer) => Either::Policy(layer.layer(inner)),
            None => Either::Plain(inner),
        })
    }
}

/// A service that answers where its policy refuses. See [`Answered`].
#[derive(Clone, Debug)]
pub struct AnsweredService<S, P>(Either<S, P>);

#[derive(Clone, Debug)]
enum Either<S, P> {
    Plain(S),
    Policy(P),
}

impl<S, P, B, R> Service<Request<B>> for AnsweredService<S, P>
where
    S: Service<Request<B>, Response = Response<R>>,
    P: Service<Request<B>, Response = Response<R>, Error = Error<S::Error>>,
{
    type Response = Response<Answer<R>>;
    type Error = S::Error;
    type Future = AnsweredFuture<S::Future, P::Future>;

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
        AnsweredFuture {
            stage: match &mut self.0 {
                Either::Plain(inner) => Stage::Plain { inner: inner.call(request) },
                Either::Policy(inner) => {
                    let form = Form::of(request.headers());
                    Stage::Policy { inner: inner.call(request), form }
                }
            },
        }
    }
}

pin_project! {
    /// An answer, whatever a policy says. Cancel safe where the inner future is.
    #[derive(Debug)]
    pub struct AnsweredFuture<F, P> {
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
    }
}

impl<F, P, R, E> Future for AnsweredFuture<F, P>
where
    F: Future<Output = Result<Response<R>, E>>,
    P: Future<Output = Result<Response<R>, Error<E>>>,
{
    type Output = Result<Response<Answer<R>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().stage.project() {
            StageProjection::Plain { inner } => {
                ready!(inner.poll(cx)).map(|answer| answer.map(Answer::of_service))
            }
            StageProjection::Policy { inner, form } => match ready!(inner.poll(cx)) {
                Ok(answer) => Ok(answer.map(Answer::of_service)),
                Err(Error::Rejected(rejected)) => Ok(form.refuse(Problem::from(rejected))),
                Err(Error::TimedOut(limit)) => Ok(form.refuse(Problem::from(limit))),
                Err(Error::Inner(error)) => Err(error),
            },
        })
    }
}
