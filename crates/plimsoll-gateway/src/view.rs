//! A view of a running gateway: policies and upstreams as plain values.

use crate::{
    gateway::Gateway,
    route::GatewayPolicy,
    snapshot::Snapshot,
    spec::{Address, Name},
    upstream::Upstream,
};
use plimsoll::{
    policy::{
        Instant, PolicySnapshot,
        balance::{EndpointLoad, Weight},
        ejection::EndpointStanding,
    },
    telemetry::PolicyCounts,
};
use std::time::Duration;

/// One policy as it stands for one upstream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PolicyView {
    /// Its name; `default` for routes that name none.
    pub policy: Box<str>,
    /// The upstream whose calls it guards.
    pub upstream: Name,
    /// Its counters.
    pub counts: PolicyCounts,
    /// The snapshot of its machines.
    pub machines: PolicySnapshot,
}

/// One upstream and its replicas.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpstreamView {
    /// Its name.
    pub name: Name,
    /// Its replicas, in the order of the file.
    pub endpoints: Vec<EndpointView>,
    /// Whether so few of them are usable that all are asked.
    pub panic: bool,
    /// How often one of them was ejected.
    pub ejections: u64,
}

/// One replica.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointView {
    /// Where it is.
    pub address: Address,
    /// How much it takes, relative to the others.
    pub weight: Weight,
    /// The part of its share that it gets: below 1 while it warms up.
    pub share: f64,
    /// Whether health checks say that it is well; `true` where none are made.
    pub healthy: bool,
    /// How long it is still left out; `None`: it is in.
    pub ejected_for: Option<Duration>,
    /// The ejector's state of it; `None` if ejection is off.
    pub standing: Option<EndpointStanding>,
    /// The balancer's state of it.
    pub load: EndpointLoad,
}

impl Gateway {
    /// Every policy for every upstream that it guards, ordered by their names. Allocates, and takes locks that calls take
    /// only where they wait: for onlookers.
    pub fn policies(&self) -> Vec<PolicyView> {
        policies(&self.shared().snapshot.load(), self.shared().time.now())
    }

    /// Every upstream, ordered by name. Allocates: for onlookers.
    pub fn upstreams(&self) -> Vec<UpstreamView> {
        let now = self.shared().time.now();
        let snapshot = self.shared().snapshot.load();
        snapshot.upstreams.values().map(|upstream| upstream_view(upstream, now)).collect()
    }
}

fn policies(snapshot: &Snapshot, now: Instant) -> Vec<PolicyView> {
    let view = |((policy, upstream), running): (&(Box<str>, Name), &GatewayPolicy)| PolicyView {
        policy: policy.clone(),
        upstream: upstream.clone(),
        counts: running.driver().observer().counts(),
        machines: running.snapshot(now),
    };
    snapshot.policies.iter().map(view).collect()
}

fn upstream_view(upstream: &Upstream, now: Instant) -> UpstreamView {
    let standing = upstream.standing(now);
    let endpoints = upstream.endpoints.iter().zip(&standing.endpoints).map(|(place, endpoint)| {
        let until = endpoint.standing.and_then(|standing| standing.ejected_until);
        EndpointView {
            address: place.address.clone(),
            weight: endpoint.weight,
            share: endpoint.share,
            healthy: endpoint.healthy,
            ejected_for: until.filter(|until| *until > now).map(|until| until.since(now)),
            standing: endpoint.standing,
            load: endpoint.load,
        }
    });
    UpstreamView {
        name: upstream.name.clone(),
        endpoints: endpoints.collect(),
        panic: standing.panic,
        ejections: upstream.metrics.ejected_in_all(),
    }
}
