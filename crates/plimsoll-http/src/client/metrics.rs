//! What a client counts.

use super::host::Host;
use parking_lot::Mutex;
use plimsoll_policy::{Instant, Observer, PolicyEvent};
use plimsoll_telemetry::{
    Buckets, Collecting, Counter, Desc, Histogram, PolicyMetrics, RegisterError, Registry, Unit,
};
use std::{
    fmt,
    sync::{Arc, LazyLock, Weak},
    time::Duration,
};

/// The families that a client's hosts count into.
#[derive(Clone)]
pub(super) struct Families {
    registry: Registry,
    opened: plimsoll_telemetry::CounterFamily<1>,
    failed: plimsoll_telemetry::CounterFamily<1>,
    used: plimsoll_telemetry::CounterFamily<2>,
    connect: plimsoll_telemetry::HistogramFamily<1>,
    /// Whose pools are looked at when somebody asks. Bounded: as many as the client has hosts.
    hosts: Arc<Mutex<Vec<Weak<Host>>>>,
    _collecting: Arc<Collecting>,
}

impl Families {
    /// Those in the registry of the process; `None` where that is full, or has others of these names.
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
        let hosts = Arc::<Mutex<Vec<Weak<Host>>>>::default();
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

    /// What one host's pool counts into.
    pub(super) fn pool(&self, upstream: &str) -> PoolMetrics {
        PoolMetrics {
            opened: self.opened.with(&[upstream]),
            failed: self.failed.with(&[upstream]),
            fresh: self.used.with(&[upstream, "new"]),
            reused: self.used.with(&[upstream, "reused"]),
            connect: self.connect.with(&[upstream]),
        }
    }

    /// Who hears what one host's policy decides.
    pub(super) fn ears(&self, policy: &str, upstream: &str) -> Ears {
        // The families are of the same registry as ours, and take any label.
        PolicyMetrics::new(&self.registry, policy, upstream)
            .map_or(Ears::Deaf, |metrics| Ears::Counting(Box::new(metrics)))
    }

    pub(super) fn watch(&self, host: &Arc<Host>) {
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

/// What one host's pool counts into.
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

/// Who hears what a policy decides.
#[derive(Debug)]
pub(crate) enum Ears {
    Deaf,
    Counting(Box<PolicyMetrics>),
}

impl Observer for Ears {
    #[inline]
    fn on(&self, now: Instant, event: &PolicyEvent) {
        if let Self::Counting(metrics) = self {
            metrics.on(now, event);
        }
    }
}
