//! The machine that chooses.

use super::{
    Balance, DEFAULT_SEED, Member,
    eligible::Eligible,
    endpoint::{Endpoint, EndpointLoad},
    hash::{Of, hash},
    least_in_flight, peak_ewma, rendezvous,
    round_robin::Turn,
    weights::Weights,
};
use crate::{Draw, Instant, KeyHash, Outcome};
use std::{sync::Arc, time::Duration};

/// Chooses among a fixed set of endpoints, known by their index. Part of [`crate::endpoints::Endpoints`], which knows
/// the endpoints that may be chosen.
#[derive(Debug)]
pub(crate) struct Balancer {
    balance: Balance,
    turn: Turn,
    endpoints: Box<[Arc<Endpoint>]>,
    /// Each endpoint's own: its name's hash.
    seeds: Box<[u64]>,
    weights: Weights,
}

impl Balancer {
    /// For these endpoints, none of them used before.
    pub(crate) fn new(balance: Balance, members: &[Member<'_>]) -> Self {
        Self::with_kept(balance, members, |_| None)
    }

    /// For another set, `from[new index] = old index` where an endpoint stays: load and latency stay with it.
    pub(crate) fn carried(&self, balance: Balance, members: &[Member<'_>], from: &[Option<u32>]) -> Self {
        Self::with_kept(balance, members, |at| {
            from.get(at).copied().flatten().and_then(|old| self.endpoints.get(old as usize)).map(Arc::clone)
        })
    }

    fn with_kept(
        balance: Balance,
        members: &[Member<'_>],
        kept: impl Fn(usize) -> Option<Arc<Endpoint>>,
    ) -> Self {
        let seed = seed(&balance);
        Self {
            balance,
            turn: Turn::new(),
            endpoints: (0..members.len())
                .map(|at| kept(at).unwrap_or_else(|| Arc::new(Endpoint::new())))
                .collect(),
            seeds: members.iter().map(|member| hash(seed, Of::Endpoint, member.name.as_bytes())).collect(),
            weights: Weights::new(members),
        }
    }

    /// A key's hash, the same wherever the seed is.
    pub(crate) fn hash(&self, key: &[u8]) -> KeyHash {
        KeyHash(hash(seed(&self.balance), Of::Key, key))
    }

    /// Chooses one of the eligible; `None` where there is none. `key` counts where the balance is by hash; without one
    /// the place is drawn.
    #[inline]
    pub(crate) fn choose(
        &self,
        now: Instant,
        draw: Draw,
        key: Option<KeyHash>,
        eligible: &Eligible<'_, impl Fn(u32) -> bool>,
    ) -> Option<u32> {
        match self.balance {
            Balance::PeakEwma => peak_ewma::pick(&self.endpoints, &self.weights, eligible, now, draw),
            Balance::RoundRobin => self.turn.pick(&self.weights, eligible),
            Balance::LeastInFlight => least_in_flight::pick(&self.endpoints, &self.weights, eligible, draw),
            Balance::HashHeader { .. } => {
                let key = key.map_or(draw.bits(), |key| key.0);
                rendezvous::pick(&self.endpoints, &self.seeds, &self.weights, eligible, key)
            }
        }
    }

    /// Counts one more in flight there.
    #[inline]
    pub(crate) fn start(&self, endpoint: u32) {
        self.endpoints[endpoint as usize].started();
    }

    /// One less.
    #[inline]
    pub(crate) fn release(&self, endpoint: u32) {
        self.endpoints[endpoint as usize].released();
    }

    /// An attempt went so, `took` after it was sent there.
    #[inline]
    pub(crate) fn settle(&self, endpoint: u32, now: Instant, outcome: Outcome, took: Duration) {
        self.endpoints[endpoint as usize].settled(now, outcome, took);
    }

    /// Returns this endpoint's seed, which depends on its name and the balancer's seed alone.
    pub(crate) fn seed(&self, endpoint: u32) -> u64 {
        self.seeds[endpoint as usize]
    }

    pub(crate) fn len(&self) -> u32 {
        self.endpoints.len() as u32
    }

    /// Returns the endpoint's load.
    pub(crate) fn load(&self, endpoint: u32, now: Instant) -> EndpointLoad {
        self.endpoints[endpoint as usize].load(now)
    }
}

fn seed(balance: &Balance) -> u32 {
    match balance {
        Balance::HashHeader { seed, .. } => *seed,
        _ => DEFAULT_SEED,
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
