use super::{
    super::routes::{Route, Taken},
    service::Shared,
};
use crate::{headers::TraceParent, inbound::RequestId};
use http::{Method, Request, StatusCode};
use std::{fmt, net::IpAddr, sync::Arc};
use tokio::time::Instant;
use tracing::Span;

/// One request's entry: written when it is dropped, with the response's body or before there was one.
pub(super) struct Entry {
    shared: Arc<Shared>,
    began: Instant,
    /// The route, once it is known.
    route: Option<Arc<Route>>,
    status: Option<StatusCode>,
    /// The request's identity, if its line is logged.
    identity: Option<Box<Identity>>,
}

/// The request's identity, for the log.
struct Identity {
    id: RequestId,
    trace: TraceParent,
    client: Option<IpAddr>,
    method: Method,
    span: Span,
}

/// The target of a request's line.
const TARGET: &str = "plimsoll::requests";

macro_rules! log_line {
    ($level:ident, $entry:ident, $identity:ident, $route:ident, $took:ident) => {
        tracing::$level!(
            target: TARGET,
            id = %$identity.id,
            trace = %TraceId($identity.trace),
            client = $identity.client.map(tracing::field::display),
            method = %$identity.method,
            route = $route,
            status = $entry.status.map(|status| status.as_u16()),
            duration_us = $took.as_micros() as u64,
            "{}", if $entry.status.is_some() { "answered" } else { "client gone" },
        )
    };
}

/// Routes of probes and scrapes, which are no news.
const PROBES: [&str; 4] = ["/livez", "/readyz", "/healthz", "/metrics"];

/// 32 digits, as whoever looks for a trace writes them.
struct TraceId(TraceParent);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0.trace)
    }
}

impl Entry {
    pub(super) fn begin<B>(
        request: &Request<B>,
        shared: &Arc<Shared>,
        id: &RequestId,
        trace: TraceParent,
        client: Option<IpAddr>,
    ) -> Self {
        shared.in_flight.inc();
        // It has neither path nor query, which may hold secrets.
        let span = tracing::info_span!("request", %id, trace = %TraceId(trace), method = %request.method());
        // Where nobody reads the log, nothing is kept for it.
        let read = !span.is_disabled()
            || tracing::enabled!(target: TARGET, tracing::Level::INFO)
            || tracing::enabled!(target: TARGET, tracing::Level::DEBUG);
        let identity =
            || Box::new(Identity { id: id.clone(), trace, client, method: request.method().clone(), span });
        Self {
            shared: Arc::clone(shared),
            began: Instant::now(),
            route: None,
            status: None,
            identity: read.then(identity),
        }
    }

    pub(super) const fn began(&self) -> Instant {
        self.began
    }

    /// Calls `run` in the span of everything that is logged meanwhile.
    #[inline]
    pub(super) fn within<T>(&self, run: impl FnOnce() -> T) -> T {
        match &self.identity {
            Some(identity) => identity.span.in_scope(run),
            None => run(),
        }
    }

    pub(super) fn took(&mut self, taken: Taken) {
        self.route = taken.route(self.shared.routes.unmatched());
    }

    /// There is a response of this status.
    pub(super) fn answered(&mut self, taken: Option<Taken>, status: StatusCode) {
        self.status = Some(status);
        self.shared.routes.answered(taken.as_ref(), status);
        if let Some(taken) = taken {
            self.took(taken);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.shared.in_flight.dec();
        let route = self.route.as_deref().unwrap_or(self.shared.routes.unmatched());
        route.metrics.ended(self.status, took);
        let Some(identity) = &self.identity else { return };
        let route = &*route.name;
        if self.shared.lines && !PROBES.contains(&route) {
            log_line!(info, self, identity, route, took);
        } else {
            log_line!(debug, self, identity, route, took);
        }
    }
}
