//! The layers around an app, in their order.

use super::{Limits, authority::AuthorityLayer, edge::Edge, record::Record, routes::Routes};
use crate::{
    body::{BodyLimits, ByteLimit, NegotiateLayer},
    boundary::BoundaryLayer,
    inbound::{
        BodyLimitLayer, ClientLayer, DeadlineLayer, DeadlineRules, InFlightLayer, RejectAsResponse,
        RequestIdLayer, TraceLayer,
    },
    layers::{HttpFacts, KeyBy},
};
use axum::{Router, extract::DefaultBodyLimit};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use plimsoll_policy::{bulkhead::BulkheadSpec, shed::Shedder};
use plimsoll_tower::{BulkheadLayer, RateLimitLayer, ShedLayer, bulkhead::QueuedBulkhead, keyed::One};
use std::{convert::Infallible, num::NonZeroUsize, sync::Arc, time::Duration};
use tower_layer::Layer;
use tower_service::Service;

/// Clients whose requests under way are counted apart. Beyond, they share one place among those at rest.
const CLIENTS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// The guards of the layers, shared with the admin address and the metrics.
#[derive(Clone, Debug)]
pub(super) struct Guards {
    /// Fed by the runtime's lag.
    pub(super) lag: Option<ShedLayer<HttpFacts>>,
    /// Fed by the waits in the line.
    pub(super) line: Option<ShedLayer<HttpFacts>>,
    pub(super) places: Option<BulkheadLayer<One<QueuedBulkhead>, HttpFacts>>,
    /// How fast one client may ask.
    pub(super) rate: Option<RateLimitLayer<HttpFacts>>,
}

impl Guards {
    pub(super) fn new(limits: &Limits) -> Self {
        let shed = || limits.shedding.map(|spec| ShedLayer::new(spec).describe(HttpFacts::default()));
        let line = shed().filter(|_| limits.in_flight.is_some());
        let places = limits.in_flight.map(|spec| {
            let places = BulkheadLayer::new(spec).describe(HttpFacts::default());
            match &line {
                Some(shed) => places.feeding(shed.shedder()),
                None => places,
            }
        });
        let by_client = HttpFacts::by(KeyBy::Client);
        let rate = limits.client_rate.clone().map(|spec| RateLimitLayer::keyed(spec, by_client));
        Self { lag: shed(), line, places, rate }
    }

    /// Returns the shedder that the runtime's lag feeds.
    pub(super) fn feels_lag(&self) -> Option<Arc<Shedder>> {
        self.lag.as_ref().map(|shed| Arc::clone(shed.shedder()))
    }
}

/// The app as it was given, and what is put around it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) app: Router,
    pub(super) boundary: BoundaryLayer,
    pub(super) limits: Limits,
    pub(super) deadline: DeadlineRules,
    pub(super) clients: ClientLayer,
    pub(super) ids: RequestIdLayer,
    pub(super) edge: Edge,
    pub(super) traces: TraceLayer,
    pub(super) record: Record,
    pub(super) guards: Guards,
}

impl Plan {
    /// From the outside: trace, id, client, record, what the service put at the edge (CORS), boundary, host, deadline,
    /// shedding, rate and places by client, places in all,
    /// body; then, inside the router where the route is known, a boundary for what the app itself does.
    pub(super) fn build(
        self,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<impl Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static {
        let Self { app, boundary, limits, deadline, clients, ids, traces, edge, record, guards } = self;
        let within = inside(app, &boundary, record.routes.clone(), limits.body_size);
        let by_client = HttpFacts::by(KeyBy::Client);
        let own_places = limits.client_in_flight.map(|most| {
            let spec = BulkheadSpec { in_flight: most, waiting: 0, wait: Duration::ZERO };
            BulkheadLayer::keyed(spec, CLIENTS, by_client)
        });
        let service = BodyLimitLayer::new(limits.body()).layer(within);
        let service = InFlightLayer::maybe(guards.places).layer(service);
        let service = InFlightLayer::maybe(own_places).layer(service);
        let service = RejectAsResponse::maybe(guards.rate).layer(service);
        let service = RejectAsResponse::maybe(guards.line).layer(service);
        let service = RejectAsResponse::maybe(guards.lag).layer(service);
        let service = DeadlineLayer::new(limits.deadline(&deadline)).layer(service);
        let service = AuthorityLayer.layer(service);
        let service = record.layer(edge.layer(boundary.layer(service)));
        traces.layer(ids.layer(clients.layer(service)))
    }
}

/// Puts around the app what needs the route, and what extractors read.
fn inside(app: Router, boundary: &BoundaryLayer, routes: Routes, size: Option<ByteLimit>) -> Router {
    // One limit is enough, and the one that is set is meant.
    let none = ByteLimit::new(usize::MAX).unwrap_or_default();
    let bodies = BodyLimits::default().bytes(size.unwrap_or(none));
    app.layer(NegotiateLayer::new())
        .layer(bodies)
        .layer(DefaultBodyLimit::disable())
        .layer(boundary.clone())
        .layer(routes)
}
