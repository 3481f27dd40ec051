//! The state of an origin: its policy's machines and its connections.

use super::{
    Origin,
    connect::Connecting,
    failures::Failures,
    live,
    metrics::{Families, PolicyObserver},
    pool::{FollowedName, Pool, PoolConfig, PoolStats},
};
use crate::body::ByteLimit;
use arc_swap::ArcSwap;
use http::HeaderValue;
use parking_lot::Mutex;
use plimsoll_driver::{TaskDriver, Time};
use plimsoll_policy::{Instant, NamedPolicy, Policy, PolicySnapshot, PolicySpec};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// A policy's machines, as a client runs them.
pub(crate) type Machines = Policy<Arc<TaskDriver<PolicyObserver>>>;

/// The settings of all origins of a client.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) connecting: Connecting,
    pub(super) pool: PoolConfig,
    /// The most bytes of a request's body that are kept for a replay.
    pub(super) kept: usize,
    /// The most bytes of a response that are read into memory at once.
    pub(super) body_limit: ByteLimit,
    pub(super) propagate_deadline: bool,
    pub(super) propagate_trace: bool,
    pub(super) metrics: Option<Families>,
    pub(super) time: Time,
}

pub(super) struct OriginState {
    pub(super) origin: Origin,
    /// The name of its policy.
    name: Arc<str>,
    pub(super) settings: Arc<Settings>,
    pub(super) policy: ArcSwap<Machines>,
    pub(super) pool: Arc<Pool>,
    pub(super) failures: Failures,
    header: HeaderValue,
    /// Serializes revisions: each builds on the previous one.
    revising: Mutex<()>,
    /// The time of its last use, so that the least recently used one is dropped.
    used: AtomicU64,
}

impl OriginState {
    pub(super) fn new(origin: Origin, policy: NamedPolicy, settings: &Arc<Settings>) -> Arc<Self> {
        let NamedPolicy { name, spec } = policy;
        let metrics = settings.metrics.as_ref();
        let observer = PolicyObserver::new(metrics, &name, origin.authority());
        let pool = metrics.map(|families| families.pool(origin.authority()));
        let (time, now) = (settings.time.clone(), settings.time.now());
        let machines = Policy::new(
            spec,
            now,
            time.secret(),
            Arc::new(TaskDriver::new(observer).with_time(time.clone())),
        );
        let names = FollowedName { dialer: settings.connecting.dialer.clone(), host: origin.host().into() };
        let host = Arc::new(Self {
            header: origin.host_header(),
            origin,
            name,
            settings: Arc::clone(settings),
            policy: ArcSwap::from_pointee(machines),
            pool: Arc::new(Pool::new(settings.pool, names, pool, time)),
            failures: Failures::default(),
            revising: Mutex::new(()),
            used: AtomicU64::new(now.as_nanos()),
        });
        if let Some(families) = metrics {
            families.watch(&host);
        }
        live::watch(&host);
        host
    }

    pub(super) const fn host_header(&self) -> &HeaderValue {
        &self.header
    }

    /// Returns the time on the policy's clock.
    pub(super) fn now(&self) -> Instant {
        self.settings.time.now()
    }

    pub(super) fn touch(&self) {
        self.used.store(self.now().as_nanos(), Relaxed);
    }

    pub(super) fn last_used(&self) -> u64 {
        self.used.load(Relaxed)
    }
}

impl fmt::Debug for OriginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginState").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// A handle of one origin, which shows its machines and connections and changes its policy while it runs.
#[derive(Clone, Debug)]
pub struct Handle {
    host: Arc<OriginState>,
}

impl Handle {
    pub(super) const fn new(host: Arc<OriginState>) -> Self {
        Self { host }
    }

    /// Returns the origin.
    pub fn origin(&self) -> &Origin {
        &self.host.origin
    }

    /// Returns the name of its policy; [`NamedPolicy::NAMELESS`] if it has none.
    pub fn policy_name(&self) -> &str {
        &self.host.name
    }

    /// Returns the policy in force.
    pub fn spec(&self) -> PolicySpec {
        self.host.policy.load().spec().clone()
    }

    /// Puts another policy in force: machines of both keep their state under the new thresholds. Calls in flight end under
    /// the policy with which they began.
    pub fn update(&self, spec: PolicySpec) {
        let _one_at_a_time = self.host.revising.lock();
        let revised =
            self.host.policy.load().revised(spec, self.host.now(), self.host.settings.time.secret());
        self.host.policy.store(Arc::new(revised));
    }

    /// Returns the machines.
    #[cfg(feature = "server")]
    pub(crate) fn with_policy<R>(&self, look: impl FnOnce(&Machines, Instant) -> R) -> R {
        look(&self.host.policy.load(), self.host.now())
    }

    /// Returns a snapshot of every machine.
    pub fn snapshot(&self) -> PolicySnapshot {
        self.host.policy.load().snapshot(self.host.now())
    }

    /// Returns the state of the connections.
    pub fn pool(&self) -> PoolStats {
        self.host.pool.stats()
    }
}
