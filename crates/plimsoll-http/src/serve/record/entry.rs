use super::super::routes::{Route, Routes};
use crate::{headers::TraceParent, inbound::RequestId};
use http::{Extensions, Method, Request, StatusCode};
use plimsoll_telemetry::UpDown;
use std::{fmt, net::IpAddr, sync::Arc};
use tokio::time::Instant;
use tracing::Span;

/// One request's entry: written when it is dropped, with the response's body or before there was one.
pub(super) struct Entry {
    began: Instant,
    method: Method,
    about: About,
    route: Arc<Route>,
    status: Option<StatusCode>,
    in_flight: UpDown,
    /// Whether it is a line at the default level.
    line: bool,
}

macro_rules! log_line {
    ($level:ident, $entry:ident, $took:ident) => {
        tracing::$level!(
            target: "plimsoll::requests",
            id = $entry.about.id.as_ref().map(tracing::field::display),
            trace = $entry.about.trace.map(|trace| tracing::field::display(TraceId(trace))),
            client = $entry.about.client.map(tracing::field::display),
            method = %$entry.method,
            route = &*$entry.route.name,
            status = $entry.status.map(|status| status.as_u16()),
            duration_us = $took.as_micros() as u64,
            "{}", if $entry.status.is_some() { "answered" } else { "client gone" },
        )
    };
}

/// Routes of probes and scrapes, which are no news.
const PROBES: [&str; 4] = ["/livez", "/readyz", "/healthz", "/metrics"];

/// The request's identity, as the outer layers found it.
#[derive(Clone)]
struct About {
    id: Option<RequestId>,
    trace: Option<TraceParent>,
    client: Option<IpAddr>,
}

impl About {
    fn of(extensions: &Extensions) -> Self {
        Self {
            id: extensions.get().cloned(),
            trace: extensions.get().copied(),
            client: extensions.get().copied(),
        }
    }
}

/// 32 digits, as whoever looks for a trace writes them.
struct TraceId(TraceParent);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0.trace)
    }
}

impl Entry {
    pub(super) fn begin<B>(request: &Request<B>, routes: &Routes, in_flight: &UpDown, line: bool) -> Self {
        in_flight.inc();
        Self {
            began: Instant::now(),
            method: request.method().clone(),
            about: About::of(request.extensions()),
            route: Arc::clone(routes.unmatched()),
            status: None,
            in_flight: in_flight.clone(),
            line,
        }
    }

    /// Returns the span of everything that is logged meanwhile. It has neither path nor query, which may hold secrets.
    pub(super) fn span(&self) -> Span {
        tracing::info_span!(
            "request",
            id = self.about.id.as_ref().map(tracing::field::display),
            trace = self.about.trace.map(|trace| tracing::field::display(TraceId(trace))),
            method = %self.method,
        )
    }

    pub(super) fn route(&self) -> &Route {
        &self.route
    }

    pub(super) fn took(&mut self, route: Arc<Route>) {
        self.route = route;
    }

    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.in_flight.dec();
        self.route.metrics.ended(self.status, took);
        if self.line && !PROBES.contains(&&*self.route.name) {
            log_line!(info, self, took);
        } else {
            log_line!(debug, self, took);
        }
    }
}
