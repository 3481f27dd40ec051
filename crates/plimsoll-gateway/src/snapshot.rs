//! The configuration as requests see it: immutable, replaced whole, read by one atomic load.

use crate::{
    access_log::AccessLog,
    metrics::Metrics,
    route::{GatewayPolicy, Route, RouteTable},
    spec::{DEFAULT_POLICY, GatewaySpec, ListenerSpec, Name, RouteSpec},
    upstream::{Notices, Upstream},
};
use plimsoll::{
    driver::{TaskDriver, Time},
    policy::Policy,
    telemetry::{PolicyMetrics, RegisterError},
};
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

/// Everything a request needs to know.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) spec: Arc<GatewaySpec>,
    /// Clock, timers and randomness of requests and policies.
    pub(crate) time: Time,
    /// Counts the snapshots of this process.
    pub(crate) generation: u64,
    pub(crate) routes: RouteTable<Arc<Route>>,
    pub(crate) upstreams: BTreeMap<Name, Arc<Upstream>>,
    /// State is kept for each policy and upstream.
    pub(crate) policies: BTreeMap<(Box<str>, Name), GatewayPolicy>,
    pub(crate) access_log: Option<Arc<AccessLog>>,
}

impl Snapshot {
    /// Builds what `spec` says. What `old` has already goes on: the machines of a policy and upstream, with their new
    /// thresholds; the endpoints whose addresses stay.
    pub(crate) fn new(
        spec: GatewaySpec,
        metrics: &Metrics,
        notices: &Arc<Notices>,
        time: &Time,
        access_log: Option<Arc<AccessLog>>,
        old: Option<&Self>,
    ) -> Result<Self, RegisterError> {
        let upstreams: BTreeMap<_, _> = spec
            .upstreams
            .iter()
            .map(|(name, upstream)| {
                let before = old.and_then(|old| old.upstreams.get(name));
                let unchanged = before.filter(|before| before.spec == *upstream).map(Arc::clone);
                let made = || {
                    let metrics = metrics.upstream(name.as_str());
                    Arc::new(Upstream::new(
                        name.clone(),
                        upstream.clone(),
                        metrics,
                        notices,
                        time,
                        before.map(Arc::as_ref),
                    ))
                };
                (name.clone(), unchanged.unwrap_or_else(made))
            })
            .collect();
        let mut policies = BTreeMap::new();
        let mut routes = Vec::with_capacity(spec.routes.len());
        for route in &spec.routes {
            let policy = policy_of(&spec, route, metrics, time, old, &mut policies)?;
            routes.push((route.clone(), Arc::new(made(route, &upstreams[&route.upstream], policy, metrics))));
        }
        let generation = old.map_or(1, |old| old.generation + 1);
        let routes = RouteTable::new(routes);
        Ok(Self {
            spec: Arc::new(spec),
            time: time.clone(),
            generation,
            routes,
            upstreams,
            policies,
            access_log,
        })
    }
}

impl Snapshot {
    /// Returns the settings of the listener with this address; one that is gone, and whose connections go on, has every default.
    pub(crate) fn listener(&self, address: SocketAddr) -> ListenerSpec {
        let listener = self.spec.listeners.iter().find(|listener| listener.listen == address);
        listener.copied().unwrap_or_else(|| ListenerSpec::new(address))
    }
}

fn made(spec: &RouteSpec, upstream: &Arc<Upstream>, policy: GatewayPolicy, metrics: &Metrics) -> Route {
    Route {
        name: spec.name.clone(),
        path: spec.path.clone(),
        rewrite: spec.rewrite.clone(),
        upstream: Arc::clone(upstream),
        policy,
        policy_name: policy_name(spec).into(),
        metrics: metrics.route(&spec.name, spec.upstream.as_str()),
    }
}

fn policy_name(route: &RouteSpec) -> &str {
    route.policy.as_ref().map_or(DEFAULT_POLICY, Name::as_str)
}

/// The policy of this route's upstream: the one another route has made, the old one revised, or a new one.
fn policy_of(
    spec: &GatewaySpec,
    route: &RouteSpec,
    metrics: &Metrics,
    time: &Time,
    old: Option<&Snapshot>,
    policies: &mut BTreeMap<(Box<str>, Name), GatewayPolicy>,
) -> Result<GatewayPolicy, RegisterError> {
    let name = policy_name(route);
    let key = (Box::from(name), route.upstream.clone());
    if let Some(policy) = policies.get(&key) {
        return Ok(policy.clone());
    }
    let wanted = spec.policies.get(name).cloned().unwrap_or_default();
    let now = time.now();
    let policy = match old.and_then(|old| old.policies.get(&key)) {
        Some(before) if *before.spec() == wanted => before.clone(),
        Some(before) => before.revised(wanted, now, time.secret()),
        None => {
            let counted = PolicyMetrics::new(&metrics.registry, name, route.upstream.as_str())?;
            let host = Arc::new(TaskDriver::new(counted).with_time(time.clone()));
            Policy::new(wanted, now, time.secret(), host)
        }
    };
    if let Some(breaker) = policy.breaker() {
        policy.driver().observer().breaker_is(now, breaker.state());
    }
    policies.insert(key, policy.clone());
    Ok(policy)
}
