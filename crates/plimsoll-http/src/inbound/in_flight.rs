//! A limit on requests in flight, each of which counts until its response has been sent.

use super::refusable::{Form, RefusableBody};
use crate::{Problem, layers::with_client};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use plimsoll_tower::{
    BulkheadLayer, Describe, Error, Unknown,
    bulkhead::{BulkheadService, Permit, QueuedBulkhead, ResponseFuture},
    keyed::{One, Select},
};
use std::{
    fmt,
    ops::Deref,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// A bulkhead for HTTP requests: a request holds its place until its response's body is dropped, not only until the head
/// is there, so that a response which is still being sent counts. A refusal is 503 `bulkhead-full` or 504
/// `deadline-exceeded`, with `Retry-After`.
///
/// A server drops a body when it has handed its last part to the connection; `serve` keeps it until the client has taken
/// that part. A stream (server-sent events, gRPC) holds its place for as long as it is open.
///
/// ```
/// use plimsoll_http::inbound::InFlightLayer;
/// use plimsoll_policy::bulkhead::BulkheadSpec;
/// use plimsoll_tower::BulkheadLayer;
///
/// let in_flight = InFlightLayer::new(BulkheadLayer::new(BulkheadSpec::default()));
/// # let _ = in_flight;
/// ```
#[derive(Clone, Debug)]
pub struct InFlightLayer<K = One<QueuedBulkhead>, D = Unknown> {
    bulkhead: Option<BulkheadLayer<K, D>>,
}

impl<K, D> InFlightLayer<K, D> {
    /// Creates a layer with this bulkhead.
    pub const fn new(bulkhead: BulkheadLayer<K, D>) -> Self {
        Self { bulkhead: Some(bulkhead) }
    }

    /// Creates a layer with this bulkhead, if there is one: the type of the service is the same either way.
    pub const fn maybe(bulkhead: Option<BulkheadLayer<K, D>>) -> Self {
        Self { bulkhead }
    }
}

impl<S: Clone, K: Clone, D: Clone> Layer<S> for InFlightLayer<K, D> {
    type Service = InFlightService<S, K, D>;

    fn layer(&self, inner: S) -> Self::Service {
        InFlightService(match &self.bulkhead {
            Some(bulkhead) => Either::Limited(bulkhead.layer(inner)),
            None => Either::Plain(inner),
        })
    }
}

/// A service with a limit on requests in flight. See [`InFlightLayer`].
#[derive(Clone, Debug)]
pub struct InFlightService<S, K, D>(Either<S, BulkheadService<S, K, D>>);

#[derive(Clone, Debug)]
enum Either<S, L> {
    Plain(S),
    Limited(L),
}

impl<S, K, D, B, R> Service<Request<B>> for InFlightService<S, K, D>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    K: Select<Request<B>, Machine = QueuedBulkhead>,
    D: Describe<Request<B>>,
{
    type Response = Response<RefusableBody<InFlightBody<R, K::Handle>>>;
    type Error = S::Error;
    type Future = InFlightFuture<S, Request<B>, K::Handle>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        match &mut self.0 {
            Either::Plain(inner) => inner.poll_ready(cx),
            Either::Limited(inner) => match ready!(inner.poll_ready(cx)) {
                Err(Error::Inner(error)) => Poll::Ready(Err(error)),
                Ok(()) | Err(Error::Rejected(_) | Error::TimedOut(_)) => Poll::Ready(Ok(())),
            },
        }
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        InFlightFuture {
            stage: match &mut self.0 {
                Either::Plain(inner) => Stage::Plain { inner: inner.call(request) },
                Either::Limited(inner) => {
                    let form = Form::of(request.headers());
                    match with_client(|| inner.call(request)) {
                        Ok(inner) => Stage::Limited { inner, form },
                        Err(error) => Stage::Failed { problem: Some(error.into()), form },
                    }
                }
            },
        }
    }
}

pin_project! {
    /// A request in flight, or one that waits for its place. Cancel safe: dropped, it gives its place back.
    pub struct InFlightFuture<S, Req, H>
    where
        S: Service<Req>,
        H: Deref<Target = QueuedBulkhead>,
    {
        #[pin]
        stage: Stage<S, Req, S::Future, H>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<S, Req, F, H>
    where
        S: Service<Req>,
        H: Deref<Target = QueuedBulkhead>,
    {
        Plain { #[pin] inner: F },
        Limited { #[pin] inner: ResponseFuture<S, Req, H>, form: Form },
        Failed { problem: Option<Problem>, form: Form },
    }
}

impl<S, Req, H, R> Future for InFlightFuture<S, Req, H>
where
    S: Service<Req, Response = Response<R>>,
    H: Deref<Target = QueuedBulkhead>,
{
    type Output = Result<Response<RefusableBody<InFlightBody<R, H>>>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let with = |response: Response<R>, permit| {
            response.map(|body| RefusableBody::of_service(InFlightBody { body, permit }))
        };
        Poll::Ready(match self.project().stage.project() {
            StageProjection::Plain { inner } => ready!(inner.poll(cx)).map(|response| with(response, None)),
            StageProjection::Limited { inner, form } => match ready!(inner.poll_with_permit(cx)) {
                Ok((response, permit)) => Ok(with(response, permit)),
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

impl<S, Req, H> fmt::Debug for InFlightFuture<S, Req, H>
where
    S: Service<Req>,
    H: Deref<Target = QueuedBulkhead>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InFlightFuture")
    }
}

pin_project! {
    /// A response's body with its request's place, which is free again when the body is dropped.
    #[derive(Debug)]
    pub struct InFlightBody<B, H>
    where
        H: Deref<Target = QueuedBulkhead>,
    {
        // Before the permit: fields are dropped in this order.
        #[pin]
        body: B,
        permit: Option<Permit<H>>,
    }
}

impl<B: Body<Data = Bytes>, H: Deref<Target = QueuedBulkhead>> Body for InFlightBody<B, H> {
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
