//! The layer inside the router, where the route of a request is known.

use super::{
    noted,
    routes::{Route, Routes},
};
use crate::{
    body::{NegotiateFuture, NegotiateLayer, NegotiateService},
    boundary::{Asked, Exchange, Shared},
    headers::short_value,
};
use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    response::Response,
};
use http::{StatusCode, header::CONTENT_LENGTH};
use http_body::Body as _;
use pin_project_lite::pin_project;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// Notes the route for the record, tells the app what its client accepts, and puts what the app says went wrong into one
/// form, under the route. A response that goes well passes as it is: the guard around the router catches panics, and
/// watches its body.
#[derive(Clone, Debug)]
pub(super) struct InsideLayer {
    pub(super) routes: Routes,
    pub(super) boundary: Arc<Shared>,
}

impl<S> Layer<S> for InsideLayer {
    type Service = InsideService<S>;

    /// The router makes one for each route, so that a route is looked up once and then known.
    fn layer(&self, inner: S) -> InsideService<S> {
        let known = Known { layer: self.clone(), found: OnceLock::new() };
        InsideService { inner: NegotiateLayer::new().layer(inner), known: Arc::new(known) }
    }
}

#[derive(Debug)]
struct Known {
    layer: InsideLayer,
    found: OnceLock<Arc<Route>>,
}

#[derive(Clone, Debug)]
pub(super) struct InsideService<S> {
    inner: NegotiateService<S>,
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
        noted::route(|| layer.routes.taken(request.extensions().get::<MatchedPath>(), found));
        let asked = Asked::of(&request);
        InsideFuture { inner: self.inner.call(request), asked, known: Arc::clone(&self.known) }
    }
}

pin_project! {
    /// Cancel safe where the inner future is.
    pub(super) struct InsideFuture<F> {
        #[pin]
        inner: NegotiateFuture<F>,
        asked: Asked,
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
        let answer = match ready!(this.inner.poll(cx)) {
            Ok(mut answer) if answer.status().as_u16() < 400 => {
                if answer.status() == StatusCode::OK && !this.asked.is_connect() {
                    set_length(&mut answer);
                }
                return Poll::Ready(Ok(answer));
            }
            Ok(answer) => answer,
        };
        let exchange =
            Exchange::new(Arc::clone(&this.known.layer.boundary), *this.asked, noted::route_name());
        Poll::Ready(Ok(exchange.response(answer).map(Body::new)))
    }
}

/// Says how long a body is, as the router would, which allocates for it.
fn set_length(answer: &mut Response) {
    let exact = answer.body().size_hint().exact().filter(|length| *length > 0);
    if let Some(length) = exact
        && !answer.headers().contains_key(CONTENT_LENGTH)
    {
        let mut digits = itoa::Buffer::new();
        answer.headers_mut().insert(CONTENT_LENGTH, short_value(digits.format(length).as_bytes()));
    }
}
