//! Metrics of a client.

use super::origin_state::OriginState;
use parking_lot::Mutex;
use plimsoll_policy::{Instant, Observer, PolicyEvent};
use plimsoll_telemetry::{
    BreakerLog, Buckets, Collecting, Counter, Desc, Histogram, PolicyMetrics, RegisterError, Registry, Unit,
};
use std::{
    fmt,
    sync::{Arc, LazyLock, Weak},
    time::Duration,
};

/// The metric families of a client's hosts.
#[derive(Clone)]
pub(super) struct Families {
    registry: Registry,
    opened: plimsoll_telemetry::CounterFamily<1>,
    failed: plimsoll_telemetry::CounterFamily<1>,
    used: plimsoll_telemetry::CounterFamily<2>,
    connect: plimsoll_telemetry::HistogramFamily<1>,
    /// Origins whose pools are read at each scrape. Bounded: as many as the client has origins.
    hosts: Arc<Mutex<Vec<Weak<OriginState>>>>,
    _collecting: Arc<Collecting>,
}

impl Families {
    /// Returns those of the process's registry; `None` if it is full, or has other families with these names.
    pub(super) fn global() -> Option<Self> {
        static GLOBAL: LazyLock<Option<Families>> = LazyLock::new(|| {
            Families::new(Registry::global())
                .inspect_err(|error| tracing::warn!(%error, "clients are not counted"))
                .ok()
        });
        GLOBAL.clone()
    }

    pub(super) fn new(registry: &Registry) -> Result<Self, RegisterError> {
        let connect =
            Desc::new("plimsoll_client_connect_duration_seconds", "How long connections took to make.");
        let open = Desc::new("plimsoll_client_connections", "Connections that are open.");
        let open = registry.observed_gauge(open, ["upstream", "state"])?;
        let hosts = Arc::<Mutex<Vec<Weak<OriginState>>>>::default();
        let seen = Arc::clone(&hosts);
        let collecting = registry.register_collector(move |samples| {
            let hosts = seen.lock();
            for host in hosts.iter().filter_map(Weak::upgrade) {
                let (stats, upstream) = (host.pool.stats(), host.origin.authority());
                samples.put(&open, &[upstream, "idle"], stats.idle as f64);
                samples.put(&open, &[upstream, "used"], stats.in_use() as f64);
            }
        })?;
        Ok(Self {
            opened: registry.counter_family(
                Desc::new("plimsoll_client_connections_opened_total", "Connections made."),
                ["upstream"],
            )?,
            failed: registry.counter_family(
                Desc::new("plimsoll_client_connections_failed_total", "Connections that could not be made."),
                ["upstream"],
            )?,
            used: registry.counter_family(
                Desc::new(
                    "plimsoll_client_connection_uses_total",
                    "Attempts, by whether a connection was there already.",
                ),
                ["upstream", "connection"],
            )?,
            connect: registry.histogram_family(
                connect.unit(Unit::Seconds),
                &Buckets::latency(),
                ["upstream"],
            )?,
            registry: registry.clone(),
            hosts,
            _collecting: Arc::new(collecting),
        })
    }

    /// Returns the metrics of one origin's pool.
    pub(super) fn pool(&self, upstream: &str) -> PoolMetrics {
        PoolMetrics {
            opened: self.opened.with(&[upstream]),
            failed: self.failed.with(&[upstream]),
            fresh: self.used.with(&[upstream, "new"]),
            reused: self.used.with(&[upstream, "reused"]),
            connect: self.connect.with(&[upstream]),
        }
    }

    pub(super) fn watch(&self, host: &Arc<OriginState>) {
        let mut hosts = self.hosts.lock();
        hosts.retain(|host| host.strong_count() > 0);
        hosts.push(Arc::downgrade(host));
    }
}

impl fmt::Debug for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Families")
    }
}

/// The metrics of one origin's pool.
#[derive(Debug)]
pub(super) struct PoolMetrics {
    opened: Counter,
    failed: Counter,
    fresh: Counter,
    reused: Counter,
    connect: Histogram,
}

impl PoolMetrics {
    pub(super) fn opened(&self, took: Duration) {
        self.opened.inc();
        self.connect.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn failed(&self) {
        self.failed.inc();
    }

    pub(super) fn used(&self, reused: bool) {
        if reused { &self.reused } else { &self.fresh }.inc();
    }
}

/// The observer of one origin's policy. Transitions of the breaker are logged with or without metrics.
#[derive(Debug)]
pub(crate) enum PolicyObserver {
    Logging(BreakerLog),
    Counting(Box<PolicyMetrics>),
}

impl PolicyObserver {
    /// Creates an observer that counts in the registry of these families, if there are any.
    pub(super) fn new(families: Option<&Families>, policy: &str, upstream: &str) -> Self {
        // The families of the same registry exist already, and accept any label.
        families
            .and_then(|families| PolicyMetrics::new(&families.registry, policy, upstream).ok())
            .map_or_else(
                || Self::Logging(BreakerLog::new(policy, upstream)),
                |metrics| Self::Counting(Box::new(metrics)),
            )
    }
}

impl Observer for PolicyObserver {
    #[inline]
    fn on(&self, now: Instant, event: &PolicyEvent) {
        match self {
            Self::Logging(log) => log.on(now, event),
            Self::Counting(metrics) => metrics.on(now, event),
        }
    }
}
