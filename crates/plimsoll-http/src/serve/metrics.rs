//! Metrics of a server.

use super::{connection::Ended, stack::Guards, unsent::Unsent};
use crate::headers::Strangers;
use plimsoll_telemetry::{
    Buckets, Collecting, Counter, CounterFamily, Desc, Histogram, HistogramFamily, RegisterError, Registry,
    Unit, UpDown,
};
use plimsoll_tower::driver::now;
use std::sync::Arc;

/// Metrics of connections.
#[derive(Clone, Debug)]
pub(super) struct ConnectionMetrics {
    open: UpDown,
    accepted: Counter,
    failed: Counter,
    idle: Counter,
    slow_head: Counter,
    broken: Counter,
    made_room: Counter,
    turned_away: Counter,
}

impl ConnectionMetrics {
    /// `door` tells the app's connections from the admin's.
    pub(super) fn new(registry: &Registry, door: &'static str) -> Result<Self, RegisterError> {
        let open = Desc::new("plimsoll_server_connections", "Connections of clients.");
        let accepted = Desc::new("plimsoll_server_connections_accepted_total", "Connections accepted.");
        let failed =
            Desc::new("plimsoll_server_accept_failures_total", "Connections that could not be accepted.");
        let closed = Desc::new(
            "plimsoll_server_connections_cut_total",
            "Connections that ended otherwise than by agreement.",
        );
        let closed = registry.counter_family(closed, ["door", "reason"])?;
        Ok(Self {
            open: registry.up_down_family(open, ["door"])?.with(&[door]),
            accepted: registry.counter_family(accepted, ["door"])?.with(&[door]),
            failed: registry.counter_family(failed, ["door"])?.with(&[door]),
            idle: closed.with(&[door, "idle"]),
            slow_head: closed.with(&[door, "slow-head"]),
            broken: closed.with(&[door, "broken"]),
            made_room: closed.with(&[door, "made-room"]),
            turned_away: closed.with(&[door, "no-place"]),
        })
    }

    pub(super) fn opened(&self) -> Open {
        self.accepted.inc();
        self.open.inc();
        Open(self.open.clone())
    }

    pub(super) fn accept_failed(&self) {
        self.failed.inc();
    }

    /// A connection was closed at once: there was no place for it.
    pub(super) fn turned_away(&self) {
        self.turned_away.inc();
    }

    pub(super) fn ended(&self, ended: &Ended) {
        match ended {
            Ended::Well | Ended::Cut => {}
            Ended::MadeRoom => self.made_room.inc(),
            Ended::Idle => self.idle.inc(),
            Ended::SlowHead => self.slow_head.inc(),
            Ended::Broken(_) => self.broken.inc(),
        }
    }
}

/// Counts one for as long as it lives.
#[derive(Debug)]
pub(super) struct Open(UpDown);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Metrics of requests: families, from which each route takes its own once.
#[derive(Clone, Debug)]
pub(super) struct RequestMetrics {
    pub(super) in_flight: UpDown,
    requests: CounterFamily<2>,
    durations: HistogramFamily<1>,
}

/// The end of a request, as it is counted: the class of its status, or `gone`.
const OUTCOMES: [&str; 6] = ["gone", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// One route's.
#[derive(Debug)]
pub(super) struct RouteMetrics {
    outcomes: [Counter; 6],
    duration: Histogram,
}

impl RequestMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, RegisterError> {
        let requests = Desc::new("plimsoll_server_requests_total", "Requests that have ended.");
        let duration = Desc::new(
            "plimsoll_server_request_duration_seconds",
            "From a request's head to its answer's last byte, or to its end.",
        );
        let in_flight =
            Desc::new("plimsoll_server_requests_in_flight", "Requests whose answers have not ended.");
        Ok(Self {
            in_flight: registry.up_down(in_flight)?,
            requests: registry.counter_family(requests, ["route", "code"])?,
            durations: registry.histogram_family(
                duration.unit(Unit::Seconds),
                &Buckets::latency(),
                ["route"],
            )?,
        })
    }

    pub(super) fn route(&self, route: &str) -> RouteMetrics {
        RouteMetrics {
            outcomes: OUTCOMES.map(|outcome| self.requests.with(&[route, outcome])),
            duration: self.durations.with(&[route]),
        }
    }
}

impl RouteMetrics {
    /// A request has ended: with this status, or without one because its client was gone first.
    pub(super) fn ended(&self, status: Option<http::StatusCode>, took: std::time::Duration) {
        let class = status.map_or(0, |status| usize::from(status.as_u16() / 100)).min(5);
        self.outcomes[class].inc();
        self.duration.record_duration(took);
    }
}

/// How late tasks run.
pub(super) fn lag(registry: &Registry) -> Result<Histogram, RegisterError> {
    let desc = Desc::new(
        "plimsoll_server_lag_seconds",
        "How late a timer fires: what ready tasks wait for a thread.",
    );
    registry.histogram(desc.unit(Unit::Seconds), &Buckets::latency())
}

/// Shows what the guards see, for as long as what it gives is kept.
pub(super) fn watch(
    registry: &Registry,
    guards: &Guards,
    strangers: &Arc<Strangers>,
    unsent: &Arc<Unsent>,
) -> Result<Collecting, RegisterError> {
    let overloaded =
        Desc::new("plimsoll_server_overloaded", "1 while this queue is standing, and calls are shed.");
    let overloaded = registry.observed_gauge(overloaded, ["queue"])?;
    let admitted =
        Desc::new("plimsoll_server_shed_admitted_ratio", "The part of calls that shedding lets through.");
    let admitted = registry.observed_gauge(admitted, ["queue"])?;
    let waiting = Desc::new("plimsoll_server_requests_in_line", "Requests that wait for a place.");
    let waiting = registry.observed_gauge(waiting, [])?;
    let doubted = Desc::new(
        "plimsoll_server_untrusted_forwarded_total",
        "Requests whose peer says for whom it asks, and is not trusted.",
    );
    let doubted = registry.observed_counter(doubted, [])?;
    let held = Desc::new("plimsoll_server_unsent_bytes", "Bytes of answers that clients have not taken.");
    let held = registry.observed_gauge(held.unit(Unit::Bytes), [])?;
    let (guards, strangers, unsent) = (guards.clone(), Arc::clone(strangers), Arc::clone(unsent));
    registry.register_collector(move |samples| {
        for (queue, shed) in [("runtime", &guards.lag), ("line", &guards.line)] {
            if let Some(shed) = shed {
                let seen = shed.shedder().snapshot(now());
                samples.put(&overloaded, &[queue], f64::from(u8::from(seen.overloaded)));
                samples.put(&admitted, &[queue], seen.admitted);
            }
        }
        samples.put(&doubted, &[], strangers.count() as f64);
        samples.put(&held, &[], unsent.bytes() as f64);
        if let Some(places) = &guards.places {
            samples.put(&waiting, &[], f64::from(places.snapshot().waiting));
        }
    })
}
