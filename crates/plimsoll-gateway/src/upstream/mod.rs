//! Upstreams at run time: their endpoints, which of them is asked, and how each is doing.

pub(crate) mod connect;
mod endpoint;
mod notices;
mod picked;

pub(crate) use endpoint::Endpoint;
pub(crate) use notices::Notices;
pub(crate) use picked::Picked;

use crate::{
    metrics::UpstreamMetrics,
    spec::{Address, Name, UpstreamSpec},
};
use plimsoll::{
    driver::Time,
    policy::{
        Draw, Instant, KeyHash,
        balance::Balance,
        ejection::EjectionDecision,
        endpoints::{Endpoints, EndpointsSnapshot, Member},
    },
};
use std::sync::Arc;

/// One service and its replicas. A reload makes a new one, which shares what concerns the endpoints that stay.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) name: Name,
    pub(crate) spec: UpstreamSpec,
    /// In the order of [`Self::choice`].
    pub(crate) endpoints: Box<[Arc<Endpoint>]>,
    pub(crate) metrics: UpstreamMetrics,
    pub(crate) notices: Arc<Notices>,
    choice: Endpoints,
}

impl Upstream {
    /// With the state of `old`'s endpoints where the addresses are the same.
    pub(crate) fn new(
        name: Name,
        spec: UpstreamSpec,
        metrics: UpstreamMetrics,
        notices: &Arc<Notices>,
        time: &Time,
        old: Option<&Self>,
    ) -> Self {
        let kept =
            |address: &Address| old?.endpoints.iter().find(|have| have.address == *address).map(Arc::clone);
        let endpoints = spec.endpoints.iter().map(|endpoint| {
            let made = || {
                let counted = metrics.endpoint(name.as_str(), &endpoint.address);
                Arc::new(Endpoint::new(name.clone(), endpoint.address.clone(), counted))
            };
            kept(&endpoint.address).unwrap_or_else(made)
        });
        let endpoints: Box<[_]> = endpoints.collect();
        let names: Vec<String> = spec.endpoints.iter().map(|endpoint| endpoint.address.to_string()).collect();
        let members: Vec<_> = names
            .iter()
            .zip(&spec.endpoints)
            .map(|(name, endpoint)| Member::new(name).weighing(endpoint.weight))
            .collect();
        let choice = match old {
            Some(old) => old.choice.carried(&spec.endpoints_spec(), &members, time.now()),
            None => Endpoints::new(&spec.endpoints_spec(), &members, time.now()),
        };
        Self { name, spec, endpoints, metrics, notices: Arc::clone(notices), choice }
    }

    /// The header by whose value endpoints are chosen.
    pub(crate) fn hash_header(&self) -> Option<&str> {
        match &self.spec.balance {
            Balance::HashHeader { name, .. } => Some(name),
            _ => None,
        }
    }

    /// A key's hash for [`Self::pick`].
    pub(crate) fn hash(&self, key: &[u8]) -> KeyHash {
        self.choice.hash(key)
    }

    /// Chooses an endpoint: one of `avoid` only if no other is usable, one of `exclude` never.
    pub(crate) fn pick(
        self: &Arc<Self>,
        now: Instant,
        draw: Draw,
        key: Option<KeyHash>,
        avoid: &[u32],
        exclude: &[u32],
    ) -> Option<Picked> {
        let pick = self.choice.pick(now, draw, key, avoid, exclude);
        self.heed_panic(now);
        Some(Picked::new(Arc::clone(self), pick?, now, draw))
    }

    /// Whether an endpoint that is none of `exclude` can be asked.
    pub(crate) fn has_usable(&self, now: Instant, exclude: &[u32]) -> bool {
        self.choice.can_pick(now, exclude)
    }

    /// Sets the result of a health check and returns the previous one.
    pub(crate) fn set_health(&self, endpoint: u32, healthy: bool, now: Instant) -> bool {
        let before = self.choice.set_health(endpoint, healthy, now);
        self.heed_panic(now);
        before
    }

    /// Whether health checks say that the endpoint is well.
    pub(crate) fn is_healthy(&self, endpoint: u32) -> bool {
        self.choice.is_healthy(endpoint)
    }

    /// The index of the endpoint with this id, if this upstream has it.
    pub(crate) fn index_of(&self, id: u64) -> Option<u32> {
        self.endpoints.iter().position(|endpoint| endpoint.id == id).map(|at| at as u32)
    }

    /// Whether the endpoint with this id is left out for a while, if this upstream has it. For onlookers: allocates.
    pub(crate) fn is_ejected(&self, id: u64, now: Instant) -> Option<bool> {
        let at = self.index_of(id)? as usize;
        let standing = self.choice.snapshot(now).endpoints.get(at)?.standing;
        Some(standing.and_then(|standing| standing.ejected_until).is_some_and(|until| now < until))
    }

    /// How the endpoints stand, in the order of [`Self::endpoints`]. For onlookers: allocates.
    pub(crate) fn standing(&self, now: Instant) -> EndpointsSnapshot {
        let standing = self.choice.snapshot(now);
        self.heed_panic(now);
        standing
    }

    /// Panic that begins or ends is a line in the log, once.
    #[inline]
    fn heed_panic(&self, now: Instant) {
        if let Some(begun) = self.choice.panic_turned() {
            self.log_panic(begun, now);
        }
    }

    #[cold]
    fn log_panic(&self, begun: bool, now: Instant) {
        let standing = self.choice.snapshot(now).endpoints;
        let usable = standing.iter().filter(|endpoint| endpoint.usable).count();
        self.notices.panic(&self.name, begun, (usable, standing.len()), now);
    }

    fn ejection(&self, decision: EjectionDecision, now: Instant) {
        match decision {
            EjectionDecision::Ejected(ejected) => {
                self.metrics.ejected(ejected.reason);
                self.notices.ejected(&self.endpoints[ejected.endpoint as usize], &ejected, now);
            }
            EjectionDecision::Withheld(withheld) => self.metrics.withheld(withheld.because),
        }
    }
}
