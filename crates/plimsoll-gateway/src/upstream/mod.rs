//! Upstreams at run time: their endpoints, which of them is asked, and how each is doing.

mod endpoint;
mod picked;

pub(crate) use endpoint::Endpoint;
pub(crate) use picked::Picked;

use crate::{
    metrics::UpstreamMetrics,
    spec::{Address, Name, UpstreamSpec},
};
use plimsoll::{
    Draw, Instant, KeyHash,
    balance::{Balance, Balancer},
    ejection::{Ejector, Verdict},
};
use std::sync::Arc;

/// One service and its replicas. A reload makes a new one, which shares what concerns the endpoints that stay.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) name: Name,
    pub(crate) spec: UpstreamSpec,
    pub(crate) endpoints: Box<[Arc<Endpoint>]>,
    pub(crate) metrics: UpstreamMetrics,
    balancer: Balancer,
    ejector: Option<Ejector>,
    /// Keys the hash of those that are balanced by a header.
    secret: ahash::RandomState,
}

impl Upstream {
    /// With the state of `old`'s endpoints where the addresses are the same.
    pub(crate) fn new(name: Name, spec: UpstreamSpec, metrics: UpstreamMetrics, old: Option<&Self>) -> Self {
        let place = |address: &Address| {
            old.and_then(|old| old.endpoints.iter().position(|have| have.address == *address))
        };
        let from: Vec<Option<u32>> =
            spec.endpoints.iter().map(|address| place(address).map(|at| at as u32)).collect();
        let kept = |at: &Option<u32>| Some(Arc::clone(&old?.endpoints[(*at)? as usize]));
        let endpoints = spec.endpoints.iter().zip(&from).map(|(address, at)| {
            let fresh = || Arc::new(Endpoint::new(address.clone()));
            kept(at).filter(|kept| kept.is_checked() == spec.health.is_some()).unwrap_or_else(fresh)
        });
        let count = spec.endpoints.len() as u32;
        let balancer = old.map_or_else(
            || Balancer::new(spec.balance.clone(), count),
            |old| old.balancer.carried(spec.balance.clone(), &from),
        );
        let ejector = spec.ejection.as_ref().map(|ejection| {
            let carried = old.and_then(|old| old.ejector.as_ref()).map(|old| old.carried(ejection, &from));
            carried.unwrap_or_else(|| Ejector::new(ejection, count))
        });
        let secret = old.map_or_else(ahash::RandomState::new, |old| old.secret.clone());
        Self { endpoints: endpoints.collect(), name, spec, metrics, balancer, ejector, secret }
    }

    /// The header by whose value endpoints are chosen.
    pub(crate) fn hash_header(&self) -> Option<&str> {
        match &self.spec.balance {
            Balance::HashHeader(name) => Some(name),
            _ => None,
        }
    }

    /// A key's hash for [`Self::pick`].
    pub(crate) fn hash(&self, key: &[u8]) -> KeyHash {
        KeyHash(self.secret.hash_one(key))
    }

    /// Chooses an endpoint: of the healthy ones that are not ejected, else of the healthy ones; not of `avoid` if
    /// another is left.
    pub(crate) fn pick(
        self: &Arc<Self>,
        now: Instant,
        draw: Draw,
        hash: Option<KeyHash>,
        avoid: &[u32],
        exclude: &[u32],
    ) -> Option<Picked> {
        let healthy = |at: u32| self.endpoints[at as usize].is_healthy() && !exclude.contains(&at);
        let fit = |at: u32| healthy(at) && !self.is_ejected(at, now);
        let pick = self.balancer.pick(now, draw, hash, avoid, fit);
        let pick = pick.or_else(|| self.balancer.pick(now, draw, hash, avoid, healthy))?;
        Some(Picked::new(Arc::clone(self), pick, now, draw))
    }

    /// Whether an endpoint that is none of `exclude` can be asked.
    pub(crate) fn has_usable(&self, now: Instant, exclude: &[u32]) -> bool {
        (0..self.endpoints.len() as u32).any(|at| {
            !exclude.contains(&at) && self.endpoints[at as usize].is_healthy() && !self.is_ejected(at, now)
        })
    }

    /// Whether the endpoint is left out for a while.
    pub(crate) fn is_ejected(&self, endpoint: u32, now: Instant) -> bool {
        self.ejector.as_ref().is_some_and(|ejector| ejector.is_ejected(endpoint, now))
    }

    pub(crate) fn balancer(&self) -> &Balancer {
        &self.balancer
    }

    pub(crate) fn ejector(&self) -> Option<&Ejector> {
        self.ejector.as_ref()
    }

    fn ejection(&self, verdict: Verdict) {
        match verdict {
            Verdict::Ejected(ejected) => {
                let address = &self.endpoints[ejected.endpoint as usize].address;
                self.metrics.ejected(ejected.reason);
                let (reason, times) = (ejected.reason.name(), ejected.times);
                tracing::warn!(upstream = %self.name, endpoint = %address, reason, times, "endpoint ejected");
            }
            Verdict::Withheld(withheld) => self.metrics.withheld(withheld.because),
        }
    }
}
