//! The layer inside the router, where the route of a request is known.

use super::{
    noted,
    plain::PlainRoutes,
    routes::{Route, Routes, Taken},
};
use crate::{
    body::{
        keep_refusal,
        wanted::{self, Wanted},
    },
    boundary::{Asked, Exchange, Shared},
    headers::short_value,
};
use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    response::Response,
};
use http::{
    StatusCode,
    header::{CONTENT_LENGTH, Entry},
};
use http_body::Body as _;
use pin_project_lite::pin_project;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Notes the route for the record, tells the app what its client accepts as [`NegotiateLayer`] does, and puts what the app says went wrong into one
/// form, under the route. A response that goes well passes as it is: the guard around the router catches panics, and
/// watches its body.
///
/// [`NegotiateLayer`]: crate::body::NegotiateLayer
#[derive(Clone, Debug)]
pub(super) struct InsideLayer {
    pub(super) routes: Routes,
    pub(super) plain: Arc<PlainRoutes>,
    pub(super) boundary: Arc<Shared>,
}

impl<S> Layer<S> for InsideLayer {
    type Service = InsideService<S>;

    /// The router makes one for each route, so that a route is looked up once and then known.
    fn layer(&self, inner: S) -> InsideService<S> {
        let known = Known { layer: self.clone(), found: OnceLock::new() };
        InsideService { inner, known: Arc::new(known) }
    }
}

#[derive(Debug)]
struct Known {
    layer: InsideLayer,
    found: OnceLock<Arc<Route>>,
}

#[derive(Clone, Debug)]
pub(super) struct InsideService<S> {
    inner: S,
    known: Arc<Known>,
}

impl<S> Service<Request> for InsideService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = InsideFuture<S::Future>;

    /// Always: so is every route.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Known { layer, found } = &*self.known;
        noted::route(|| {
            let taken = layer.routes.taken(request.extensions().get::<MatchedPath>(), found);
            if let Taken::Known(route) = &taken {
                layer.plain.learn(request.uri().path(), route);
            }
            taken
        });
        let (asked, wanted) = (Asked::of(&request), Wanted::of(request.method(), request.headers()));
        let (wanted, known) = (Some(wanted), Arc::clone(&self.known));
        InsideFuture { inner: self.inner.call(request), asked, wanted, known }
    }
}

pin_project! {
    /// Cancel safe where the inner future is.
    pub(super) struct InsideFuture<F> {
        #[pin]
        inner: F,
        asked: Asked,
        wanted: Option<Wanted>,
        known: Arc<Known>,
    }
}

impl<F> Future for InsideFuture<F>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = wanted::during(this.wanted, || this.inner.poll(cx));
        let shared = || Arc::clone(&this.known.layer.boundary);
        let mut polled = settled(polled, || Exchange::new(shared(), *this.asked, noted::route_name()));
        if let Poll::Ready(Ok(answer)) = &mut polled
            && answer.status() == StatusCode::OK
            && !this.asked.is_connect()
        {
            set_length(answer);
        }
        polled
    }
}

/// Puts a response that says what went wrong into the one form. It stays in its place: most pass as they are.
#[inline]
pub(super) fn settled(
    mut polled: Poll<Result<Response, Infallible>>,
    exchange: impl FnOnce() -> Exchange,
) -> Poll<Result<Response, Infallible>> {
    let Poll::Ready(Ok(answer)) = &mut polled else { return polled };
    keep_refusal(answer);
    if answer.status().as_u16() < 400 {
        return polled;
    }
    polled.map_ok(|answer| exchange().response(answer).map(Body::new))
}

/// Says how long a body is, as the router would, which allocates for it.
fn set_length(answer: &mut Response) {
    let Some(length) = answer.body().size_hint().exact().filter(|length| *length > 0) else { return };
    if let Entry::Vacant(room) = answer.headers_mut().entry(CONTENT_LENGTH) {
        let mut digits = itoa::Buffer::new();
        room.insert(short_value(digits.format(length).as_bytes()));
    }
}
