//! The layers around an app, in their order.

use super::{
    Limits,
    edge::Edge,
    guard::{Guard, GuardService},
    record::{Record, Recording},
};
use crate::{
    boundary::BoundaryLayer,
    inbound::DeadlineRules,
    layers::{HttpFacts, KeyBy},
};
use axum::Router;
use plimsoll_policy::{bulkhead::BulkheadSpec, shed::Shedder};
use plimsoll_tower::{
    BulkheadLayer, RateLimitLayer, ShedLayer,
    bulkhead::QueuedBulkhead,
    keyed::{One, Registry},
};
use std::{num::NonZeroUsize, sync::Arc, time::Duration};

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
    /// How many requests of one client there may be at once.
    pub(super) own: Option<Arc<Registry<QueuedBulkhead>>>,
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
        let own = limits.client_in_flight.map(|most| {
            let spec = BulkheadSpec { in_flight: most, waiting: 0, wait: Duration::ZERO };
            Arc::new(Registry::new(spec, CLIENTS))
        });
        Self { lag: shed(), line, places, rate, own }
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
    pub(super) edge: Edge,
    pub(super) record: Record,
    pub(super) guards: Guards,
}

impl Plan {
    /// From the outside: trace, id, client, record; what the service put at the edge (CORS); and the guard, with boundary,
    /// host, deadline, shedding, rate and places by client, places in all, body. Then, inside the router where the route is
    /// known, what the app itself says went wrong.
    pub(super) fn build(self) -> Recording {
        let Self { app, boundary, limits, deadline, edge, record, guards } = self;
        let routes = record.routes().clone();
        let guard = Guard::new(app, &boundary, routes, &guards, limits.deadline(&deadline), limits.body());
        record.around(edge.around(GuardService(Arc::new(guard))))
    }
}
