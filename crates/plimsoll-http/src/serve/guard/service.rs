use super::{
    super::{
        inside::InsideLayer,
        plain::PlainRoutes,
        routes::{Route, Routes},
        stack::Guards,
    },
    admission::Gates,
    body::GuardedBody,
    future::{GuardFuture, Passage},
};
use crate::{
    body::{BodyLimits, ByteLimit},
    boundary::{BoundaryLayer, Shared},
    inbound::{
        ArrivalLimits, DeadlineRules,
        body_limit::{ExceededLimit, LimitedBody},
    },
};
use axum::{Router, body::Body, extract::DefaultBodyLimit};
use bytes::Bytes;
use http::{Method, Request, Response};
use std::{
    convert::Infallible,
    error::Error,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The parts that all requests share.
#[derive(Debug)]
pub(in super::super) struct Guard {
    /// The app, each of whose routes says that it was taken.
    app: Router,
    /// The app as it is: every layer costs a router boxes and copies.
    quiet: Router,
    /// The routes that need not say so.
    plain: Arc<PlainRoutes>,
    pub(super) gates: Gates,
    pub(super) boundary: Arc<Shared>,
    pub(super) deadlines: DeadlineRules,
    arrival: ArrivalLimits,
    /// The same size for extractors.
    sizes: BodyLimits,
}

/// The body of a request, as far as it is known when its head is there.
#[derive(Debug)]
pub(super) enum Arriving {
    Nothing,
    TooLarge,
    Watched(Arc<ExceededLimit>),
}

impl Guard {
    pub(in super::super) fn new(
        app: Router,
        boundary: &BoundaryLayer,
        routes: Routes,
        guards: &Guards,
        deadlines: DeadlineRules,
        arrival: ArrivalLimits,
    ) -> Self {
        let boundary = Arc::clone(boundary.shared());
        // One limit is enough, and the one that is set is meant.
        let size = arrival.size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
        let sizes = BodyLimits::default().bytes(ByteLimit::new(size).unwrap_or_default());
        // A router that has its state has made its handlers into services; others do it for each request.
        let quiet = app.with_state(());
        let plain = Arc::<PlainRoutes>::default();
        let inside = InsideLayer { routes, plain: Arc::clone(&plain), boundary: Arc::clone(&boundary) };
        let app = quiet.clone().layer(inside);
        Self { app, quiet, plain, gates: Gates::new(guards), boundary, deadlines, arrival, sizes }
    }

    /// Returns the app for this request, and its route where that is known without the app's word.
    ///
    /// The router takes the body off a response to HEAD, and changes that to CONNECT: what goes wrong is put into its form
    /// before.
    #[inline]
    pub(super) fn app(&self, request: &Request<Body>) -> (Router, Option<&Arc<Route>>) {
        let usual = !matches!(*request.method(), Method::HEAD | Method::CONNECT);
        match self.plain.get(request.uri().path()).filter(|_| usual) {
            Some(route) => (self.quiet.clone(), Some(route)),
            None => (self.app.clone(), None),
        }
    }

    /// The request as the app sees it: its body is watched, where it has one, and `arriving` says what is known of it.
    #[inline]
    pub(super) fn with_limits<B: Arrives>(
        &self,
        request: Request<B>,
        grpc: bool,
        arriving: &mut Arriving,
    ) -> Request<Body> {
        let none = request.body().is_end_stream();
        if none || self.arrival.size.is_some_and(|most| request.body().size_hint().lower() > most) {
            *arriving = if none { Arriving::Nothing } else { Arriving::TooLarge };
            return request.map(|_| Body::empty());
        }
        self.with_body(request, grpc, arriving)
    }

    fn with_body<B: Arrives>(
        &self,
        request: Request<B>,
        grpc: bool,
        arriving: &mut Arriving,
    ) -> Request<Body> {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(self.sizes);
        // A stream of messages may be quiet for as long as its client has nothing to say.
        let idle = self.arrival.idle.filter(|_| !grpc);
        let exceeded = Arc::<ExceededLimit>::default();
        let body = LimitedBody::new(body, ArrivalLimits { idle, ..self.arrival }, Arc::clone(&exceeded));
        let mut request = Request::from_parts(parts, Body::new(body));
        DefaultBodyLimit::disable().apply(&mut request);
        *arriving = Arriving::Watched(exceeded);
        request
    }
}

/// A body that may come with a request.
pub(in super::super) trait Arrives:
    http_body::Body<Data = Bytes, Error: Error + Send + Sync> + Send + 'static
{
}

impl<B: http_body::Body<Data = Bytes, Error: Error + Send + Sync> + Send + 'static> Arrives for B {}

/// An app behind its [`Guard`].
#[derive(Clone, Debug)]
pub(in super::super) struct GuardService(pub(in super::super) Arc<Guard>);

impl GuardService {
    /// Begins the way of a request through the guard.
    #[inline]
    pub(in super::super) fn passage(&self) -> Passage {
        Passage::new(Arc::clone(&self.0))
    }
}

impl<B: Arrives> Service<Request<B>> for GuardService {
    type Response = Response<GuardedBody>;
    type Error = Infallible;
    type Future = GuardFuture<B>;

    /// Always: so is every router, and whatever else may refuse does so when it is polled.
    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// Does nothing yet: the request is looked at where it then stays, in the future.
    #[inline]
    fn call(&mut self, request: Request<B>) -> GuardFuture<B> {
        GuardFuture::new(Arc::clone(&self.0), request)
    }
}
