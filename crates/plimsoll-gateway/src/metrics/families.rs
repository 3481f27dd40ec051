use super::{
    route::RouteMetrics,
    tunnel::{TunnelEnd, TunnelMetrics},
    upstream::UpstreamMetrics,
};
use plimsoll::{
    http::Kind,
    policy::ejection::{EjectionReason, WithheldBecause},
    telemetry::{
        Buckets, Counter, CounterFamily, Desc, Gauge, Histogram, HistogramFamily, RegisterError, Registry,
        Unit, UpDown, UpDownFamily,
    },
};
use std::{collections::HashMap, sync::Arc};

/// Routes and upstreams times what their further labels distinguish; what is beyond shares one series.
const MOST_SERIES: usize = 8192;

/// The label of proxied traffic, where other routes are paths of the admin API.
const DATA_PLANE: &str = "";

/// Every family of the gateway.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) registry: Registry,
    requests: CounterFamily<3>,
    durations: HistogramFamily<2>,
    in_flight: UpDownFamily<2>,
    bytes: CounterFamily<2>,
    problems: HashMap<Kind, Counter>,
    refused_requests: CounterFamily<1>,
    pub(crate) slow_uploads: Counter,
    pub(crate) slow_downloads: Counter,
    pub(crate) connections: UpDown,
    pub(crate) accepted: Counter,
    pub(crate) too_many: Counter,
    pub(crate) too_many_of_client: Counter,
    tunnels: UpDownFamily<2>,
    tunnels_ended: CounterFamily<3>,
    tunnel_bytes: CounterFamily<3>,
    pub(crate) panics: Counter,
    connects: CounterFamily<2>,
    idle: UpDownFamily<1>,
    endpoint_attempts: CounterFamily<3>,
    endpoint_bodies: CounterFamily<2>,
    ejections: CounterFamily<2>,
    withheld: CounterFamily<2>,
    pub(crate) reloaded: Counter,
    pub(crate) reload_refused: Counter,
    pub(crate) reloaded_at: Gauge,
    health_checks: CounterFamily<2>,
    lags: HistogramFamily<1>,
}

impl Metrics {
    /// Counters for so many workers: each has cells of its own.
    pub(crate) fn new(workers: usize) -> Result<Self, RegisterError> {
        let registry = Registry::builder().shards(workers).build();
        let counter = |name, help| registry.counter(Desc::new(name, help));
        let problems = registry.counter_family(
            Desc::new("plimsoll_problems_total", "Problems told to callers, by kind and route."),
            ["kind", "route"],
        )?;
        let panics = registry.counter_family(
            Desc::new("plimsoll_panics_total", "Panics caught, by where they came up and route."),
            ["place", "route"],
        )?;
        let refused = registry.counter_family(
            Desc::new("plimsoll_connections_refused_total", "Connections closed at once."),
            ["reason"],
        )?;
        let slow = registry.counter_family(
            Desc::new("plimsoll_slow_clients_total", "Requests ended because their client was too slow."),
            ["direction"],
        )?;
        let reloads = registry.counter_family(
            Desc::new("plimsoll_reloads_total", "Configurations offered while running."),
            ["result"],
        )?;
        plimsoll::telemetry::process::metrics(&registry)?.keep();
        let build = Desc::new("plimsoll_build_info", "The program's version.");
        registry.gauge_family(build, ["version"])?.with(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        Ok(Self {
            requests: registry.counter_family(
                Desc::new("plimsoll_requests_total", "Requests responded to.").max_series(MOST_SERIES),
                ["route", "upstream", "code"],
            )?,
            durations: registry.histogram_family(
                Desc::new(
                    "plimsoll_request_duration_seconds",
                    "From a request's head to its response's last byte.",
                )
                .unit(Unit::Seconds)
                .max_series(MOST_SERIES),
                &Buckets::latency(),
                ["route", "upstream"],
            )?,
            in_flight: registry.up_down_family(
                Desc::new("plimsoll_requests_in_flight", "Requests under way.").max_series(MOST_SERIES),
                ["route", "upstream"],
            )?,
            bytes: registry.counter_family(
                Desc::new("plimsoll_response_body_bytes_total", "Bytes of responses sent to clients.")
                    .unit(Unit::Bytes)
                    .max_series(MOST_SERIES),
                ["route", "upstream"],
            )?,
            problems: Kind::ALL
                .iter()
                .map(|kind| (*kind, problems.with(&[kind.name(), DATA_PLANE])))
                .collect(),
            refused_requests: registry.counter_family(
                Desc::new("plimsoll_refused_requests_total", "Requests refused before any route."),
                ["reason"],
            )?,
            slow_uploads: slow.with(&["upload"]),
            slow_downloads: slow.with(&["download"]),
            connections: registry.up_down(Desc::new("plimsoll_connections", "Connections of clients."))?,
            accepted: counter("plimsoll_connections_accepted_total", "Connections accepted.")?,
            too_many: refused.with(&["too-many"]),
            too_many_of_client: refused.with(&["too-many-of-client"]),
            tunnels: registry.up_down_family(
                Desc::new("plimsoll_tunnels", "Connections that have switched protocols.")
                    .max_series(MOST_SERIES),
                ["route", "upstream"],
            )?,
            tunnels_ended: registry.counter_family(
                Desc::new("plimsoll_tunnels_ended_total", "Tunnels that have ended.").max_series(MOST_SERIES),
                ["route", "upstream", "reason"],
            )?,
            tunnel_bytes: registry.counter_family(
                Desc::new("plimsoll_tunnel_bytes_total", "Bytes carried by tunnels.")
                    .unit(Unit::Bytes)
                    .max_series(MOST_SERIES),
                ["route", "upstream", "direction"],
            )?,
            panics: panics.with(&["handler", DATA_PLANE]),
            connects: registry.counter_family(
                Desc::new("plimsoll_upstream_connects_total", "Connections opened to endpoints.")
                    .max_series(MOST_SERIES),
                ["upstream", "result"],
            )?,
            idle: registry.up_down_family(
                Desc::new("plimsoll_upstream_idle_connections", "Kept connections to endpoints.")
                    .max_series(MOST_SERIES),
                ["upstream"],
            )?,
            endpoint_attempts: registry.counter_family(
                Desc::new("plimsoll_endpoint_attempts_total", "Attempts at each endpoint, by outcome.")
                    .max_series(MOST_SERIES),
                ["upstream", "endpoint", "outcome"],
            )?,
            endpoint_bodies: registry.counter_family(
                Desc::new(
                    "plimsoll_endpoint_bodies_failed_total",
                    "Responses that broke off after their head.",
                )
                .max_series(MOST_SERIES),
                ["upstream", "endpoint"],
            )?,
            ejections: registry.counter_family(
                Desc::new("plimsoll_ejections_total", "Endpoints left out for a while.")
                    .max_series(MOST_SERIES),
                ["upstream", "reason"],
            )?,
            withheld: registry.counter_family(
                Desc::new("plimsoll_ejections_withheld_total", "Ejections that a bound forbade.")
                    .max_series(MOST_SERIES),
                ["upstream", "because"],
            )?,
            reloaded: reloads.with(&["applied"]),
            reload_refused: reloads.with(&["refused"]),
            reloaded_at: registry.gauge(
                Desc::new(
                    "plimsoll_config_last_reload_success_timestamp_seconds",
                    "When the configuration was last taken from its source.",
                )
                .unit(Unit::Seconds),
            )?,
            health_checks: registry.counter_family(
                Desc::new("plimsoll_health_checks_total", "Active health checks.").max_series(MOST_SERIES),
                ["upstream", "result"],
            )?,
            lags: registry.histogram_family(
                Desc::new("plimsoll_worker_lag_seconds", "How late a worker's timer fires.")
                    .unit(Unit::Seconds)
                    .max_series(MOST_SERIES),
                &Buckets::latency(),
                ["worker"],
            )?,
            registry,
        })
    }

    /// Ends the series of routes and upstreams that are gone.
    pub(crate) fn sweep(&self) {
        let gone = |_: &[String]| true; // whatever nobody holds
        self.requests.sweep(gone);
        self.durations.sweep(gone);
        self.in_flight.sweep(gone);
        self.bytes.sweep(gone);
        self.tunnels.sweep(gone);
        self.tunnels_ended.sweep(gone);
        self.tunnel_bytes.sweep(gone);
        self.connects.sweep(gone);
        self.idle.sweep(gone);
        self.endpoint_attempts.sweep(gone);
        self.endpoint_bodies.sweep(gone);
        self.ejections.sweep(gone);
        self.withheld.sweep(gone);
        self.health_checks.sweep(gone);
    }

    /// The gateway has responded with a problem of this kind.
    pub(crate) fn problem(&self, kind: Kind) {
        if let Some(counter) = self.problems.get(&kind) {
            counter.inc();
        }
    }

    /// A request was refused before any route. Off the hot path: looks the label up.
    pub(crate) fn refused(&self, reason: &str) {
        self.refused_requests.with(&[reason]).inc();
    }

    pub(crate) fn route(&self, route: &str, upstream: &str) -> RouteMetrics {
        let by_code = |code| self.requests.with(&[route, upstream, code]);
        RouteMetrics {
            requests: ["1xx", "2xx", "3xx", "4xx", "5xx"].map(by_code),
            duration: self.durations.with(&[route, upstream]),
            in_flight: self.in_flight.with(&[route, upstream]),
            bytes: self.bytes.with(&[route, upstream]),
            tunnels: self.tunnels(route, upstream),
        }
    }

    fn tunnels(&self, route: &str, upstream: &str) -> TunnelMetrics {
        let bytes = |direction| self.tunnel_bytes.with(&[route, upstream, direction]);
        let ended = |end: TunnelEnd| self.tunnels_ended.with(&[route, upstream, end.name()]);
        TunnelMetrics {
            open: self.tunnels.with(&[route, upstream]),
            to_client: bytes("to-client"),
            to_endpoint: bytes("to-endpoint"),
            ends: TunnelEnd::ALL.map(ended),
        }
    }

    /// Delays of this worker's run queue.
    pub(crate) fn lag(&self, worker: usize) -> Histogram {
        self.lags.with(&[&worker.to_string()])
    }

    /// Health checks of this upstream that went so.
    pub(crate) fn health_checks(&self, upstream: &str, result: &str) -> Counter {
        self.health_checks.with(&[upstream, result])
    }

    pub(crate) fn upstream(&self, upstream: &str) -> UpstreamMetrics {
        let connects = |result| self.connects.with(&[upstream, result]);
        let ejections = |reason: EjectionReason| self.ejections.with(&[upstream, reason.name()]);
        let withheld = |because: WithheldBecause| self.withheld.with(&[upstream, because.name()]);
        UpstreamMetrics {
            connected: connects("ok"),
            connect_failed: connects("failed"),
            idle: self.idle.with(&[upstream]),
            attempts: self.endpoint_attempts.clone(),
            bodies: self.endpoint_bodies.clone(),
            ejections: Arc::new(EjectionReason::ALL.map(ejections)),
            withheld: Arc::new(WithheldBecause::ALL.map(withheld)),
        }
    }
}
