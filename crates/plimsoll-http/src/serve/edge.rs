//! Layers of the service's own, outside of everything that can refuse and inside of the record.

use super::guard::{GuardService, Guarded, GuardedBody, Passage};
use axum::{BoxError, Router, response::IntoResponse, routing::Route};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
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

    /// Puts the layers around a guarded app. Without a layer, nothing is put around it, and nothing is paid.
    pub(super) fn around(&self, inner: GuardService) -> Edged {
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

/// A guarded app within its edge.
#[derive(Clone, Debug)]
pub(super) enum Edged {
    Bare(GuardService),
    Within(Router),
}

impl Edged {
    /// Takes a request. Nothing of it is done before the future is polled.
    #[inline]
    pub(super) fn call(&self, request: Request<Incoming>, guarded: &mut Guarded<Incoming>) -> EdgeFuture {
        match self {
            Self::Bare(inner) => {
                guarded.request = Some(request);
                EdgeFuture::Bare { inner: inner.passage() }
            }
            Self::Within(router) => EdgeFuture::Within { inner: Some(router.clone().call(request)) },
        }
    }
}

pin_project! {
    /// A request within the edge. What the guard knows of it is the caller's, where no layer is between.
    #[project = FutureProjection]
    pub(super) enum EdgeFuture {
        Bare { #[pin] inner: Passage },
        Within { #[pin] inner: Option<<Router as Service<Request<Incoming>>>::Future> },
    }
}

impl EdgeFuture {
    /// Drops what is under way.
    pub(super) fn cancel(self: Pin<&mut Self>, guarded: &Guarded<Incoming>) {
        match self.project() {
            FutureProjection::Bare { inner } => inner.cancel(guarded),
            FutureProjection::Within { mut inner } => inner.set(None),
        }
    }

    /// Polls for the response, whose body is made into another at the one time that it is moved.
    #[inline]
    pub(super) fn poll_with<T>(
        self: Pin<&mut Self>,
        guarded: &mut Guarded<Incoming>,
        cx: &mut Context<'_>,
        body: impl FnOnce(EdgeBody) -> T,
    ) -> Poll<Result<Response<T>, Infallible>> {
        match self.project() {
            FutureProjection::Bare { inner } => {
                inner.poll_with(guarded, cx, |inner| body(EdgeBody::Bare { inner }))
            }
            FutureProjection::Within { inner } => {
                let Some(inner) = inner.as_pin_mut() else { return Poll::Pending };
                inner.poll(cx).map_ok(|answer| answer.map(|inner| body(EdgeBody::Within { inner })))
            }
        }
    }
}

pin_project! {
    #[project = BodyProjection]
    pub(super) enum EdgeBody {
        Bare { #[pin] inner: GuardedBody },
        Within { #[pin] inner: axum::body::Body },
    }
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project() {
            BodyProjection::Bare { inner } => {
                inner.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
            }
            BodyProjection::Within { inner } => {
                inner.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bare { inner } => inner.is_end_stream(),
            Self::Within { inner } => inner.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Bare { inner } => inner.size_hint(),
            Self::Within { inner } => inner.size_hint(),
        }
    }
}
