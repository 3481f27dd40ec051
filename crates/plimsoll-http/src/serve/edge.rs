//! Layers of the service's own, outside of everything that can refuse and inside of the record.

use axum::{
    BoxError, Router,
    response::{IntoResponse, Response},
    routing::Route,
};
use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// The service's own layers of this kind, those that were given first outermost.
#[derive(Clone, Default)]
pub(super) struct Edge(Vec<Around>);

type Around = Arc<dyn Fn(Router) -> Router + Send + Sync>;

impl Edge {
    pub(super) fn add<L>(&mut self, layer: L)
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<axum::extract::Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<axum::extract::Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<axum::extract::Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<axum::extract::Request>>::Future: Send + 'static,
    {
        self.0.push(Arc::new(move |router| router.layer(layer.clone())));
    }
}

impl<S> Layer<S> for Edge
where
    S: Service<axum::extract::Request, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Service = Edged<S>;

    /// Without a layer, nothing is put around it, and nothing is paid.
    fn layer(&self, inner: S) -> Edged<S> {
        if self.0.is_empty() {
            return Edged::Bare(inner);
        }
        let router = Router::new().fallback_service(inner);
        Edged::Within(self.0.iter().rev().fold(router, |router, around| around(router)))
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Edge({})", self.0.len())
    }
}

#[derive(Clone, Debug)]
pub(super) enum Edged<S> {
    Bare(S),
    Within(Router),
}

impl<S, B> Service<Request<Incoming>> for Edged<S>
where
    S: Service<Request<Incoming>, Response = http::Response<B>, Error = Infallible>,
{
    type Response = http::Response<EdgeBody<B>>;
    type Error = Infallible;
    type Future = EdgeFuture<S::Future, <Router as Service<Request<Incoming>>>::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match self {
            Self::Bare(inner) => inner.poll_ready(cx),
            Self::Within(router) => Service::<Request<Incoming>>::poll_ready(router, cx),
        }
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        match self {
            Self::Bare(inner) => EdgeFuture::Bare { inner: inner.call(request) },
            Self::Within(router) => EdgeFuture::Within { inner: router.call(request) },
        }
    }
}

pin_project! {
    /// Cancel safe where the inner future is.
    #[project = FutureProjection]
    pub(super) enum EdgeFuture<F, R> {
        Bare { #[pin] inner: F },
        Within { #[pin] inner: R },
    }
}

impl<F, R, B> Future for EdgeFuture<F, R>
where
    F: Future<Output = Result<http::Response<B>, Infallible>>,
    R: Future<Output = Result<Response, Infallible>>,
{
    type Output = Result<http::Response<EdgeBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project() {
            FutureProjection::Bare { inner } => {
                ready!(inner.poll(cx)).map(|answer| answer.map(|body| EdgeBody::Bare { body }))
            }
            FutureProjection::Within { inner } => {
                ready!(inner.poll(cx)).map(|answer| answer.map(|body| EdgeBody::Within { body }))
            }
        })
    }
}

pin_project! {
    #[project = BodyProjection]
    pub(super) enum EdgeBody<B> {
        Bare { #[pin] body: B },
        Within { #[pin] body: axum::body::Body },
    }
}

impl<B> Body for EdgeBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project() {
            BodyProjection::Bare { body } => {
                body.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
            }
            BodyProjection::Within { body } => {
                body.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bare { body } => body.is_end_stream(),
            Self::Within { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Bare { body } => body.size_hint(),
            Self::Within { body } => body.size_hint(),
        }
    }
}
