//! The machine that picks.

use super::{
    Balance,
    eligible::Eligible,
    endpoint::{Endpoint, EndpointLoad},
    least_in_flight, peak_ewma, rendezvous,
    round_robin::Turn,
};
use crate::{Draw, Instant, KeyHash, Outcome};
use std::{sync::Arc, time::Duration};

/// An endpoint that was picked: one more in flight there, until [`Balancer::settle`]. Plain data; each is settled once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a pick that is not settled counts as in flight for ever"]
pub struct Pick {
    endpoint: u32,
}

impl Pick {
    /// Its index in the set that the balancer was made for.
    pub const fn endpoint(self) -> u32 {
        self.endpoint
    }
}

/// Chooses among a fixed set of endpoints, known by their index.
///
/// Another set is another balancer: [`Self::carried`] makes one that shares the state of the endpoints that stay, so
/// that what was picked from the old one and is settled there is also seen in the new one.
///
/// 128 bytes an endpoint, in one allocation each, and 16 in the balancer's own two tables. A pick costs what the table
/// at [`crate::balance`] says, and one add; settling is one subtraction and, about once a millisecond and endpoint, one
/// compare-and-swap.
///
/// ```
/// # use plimsoll_policy::{Draw, Instant, Outcome, balance::{Balance, Balancer}};
/// # use std::time::Duration;
/// let balancer = Balancer::new(Balance::RoundRobin, 3);
/// let now = Instant::from_nanos(1);
/// let pick = balancer.pick(now, Draw::new(7), None, &[0], |endpoint| endpoint != 1).unwrap();
/// assert_eq!(pick.endpoint(), 2);
/// balancer.settle(pick, now, Outcome::Success, Duration::from_millis(3));
/// ```
#[derive(Debug)]
pub struct Balancer {
    balance: Balance,
    turn: Turn,
    endpoints: Box<[Arc<Endpoint>]>,
    /// Each endpoint's own, for the hash.
    seeds: Box<[u64]>,
    /// The number of the next endpoint to come.
    next: u64,
}

impl Balancer {
    /// For the endpoints `0..endpoints`, none of them used before.
    ///
    /// Hash placement depends on an endpoint's position here, so the same list places the same keys alike in every
    /// process, provided that the driver's [`KeyHash`] does.
    pub fn new(balance: Balance, endpoints: u32) -> Self {
        Self {
            balance,
            turn: Turn::new(),
            endpoints: (0..endpoints).map(|_| Arc::new(Endpoint::new())).collect(),
            seeds: (0..u64::from(endpoints)).map(rendezvous::seed).collect(),
            next: endpoints.into(),
        }
    }

    /// For another set, `from[new index] = old index` where an endpoint stays: load, latency and hash placement stay with
    /// it. `None`, or an index that the old set does not have, is a new one.
    pub fn carried(&self, balance: Balance, from: &[Option<u32>]) -> Self {
        let mut next = self.next;
        let (endpoints, seeds): (Vec<_>, Vec<_>) = from
            .iter()
            .map(|old| {
                let kept = old.and_then(|old| {
                    let old = old as usize;
                    Some((Arc::clone(self.endpoints.get(old)?), self.seeds[old]))
                });
                kept.unwrap_or_else(|| {
                    next += 1;
                    (Arc::new(Endpoint::new()), rendezvous::seed(next - 1))
                })
            })
            .unzip();
        Self { balance, turn: Turn::new(), endpoints: endpoints.into(), seeds: seeds.into(), next }
    }

    /// Picks an endpoint for which `usable` holds, and counts one more in flight there; `None` where there is none.
    ///
    /// One of `avoid` (the endpoints that have failed in this call) is picked only where nothing else is usable. `hash`
    /// is the key's where the balance is by hash; without one the place is drawn.
    #[inline]
    pub fn pick(
        &self,
        now: Instant,
        draw: Draw,
        hash: Option<KeyHash>,
        avoid: &[u32],
        usable: impl Fn(u32) -> bool,
    ) -> Option<Pick> {
        let all = Eligible { total: self.len(), avoid: &[], usable: &usable };
        let endpoint = if avoid.is_empty() {
            self.choose(now, draw, hash, &all)
        } else {
            self.choose(now, draw, hash, &Eligible { avoid, ..all })
                .or_else(|| self.choose(now, draw, hash, &all))
        }?;
        self.endpoints[endpoint as usize].started();
        Some(Pick { endpoint })
    }

    #[inline]
    fn choose(
        &self,
        now: Instant,
        draw: Draw,
        hash: Option<KeyHash>,
        eligible: &Eligible<'_, impl Fn(u32) -> bool>,
    ) -> Option<u32> {
        match self.balance {
            Balance::PeakEwma => peak_ewma::pick(&self.endpoints, eligible, now, draw),
            Balance::RoundRobin => self.turn.pick(eligible),
            Balance::LeastInFlight => least_in_flight::pick(&self.endpoints, eligible, draw),
            Balance::HashHeader(_) => {
                let key = hash.map_or(draw.bits(), |hash| hash.0);
                rendezvous::pick(&self.endpoints, &self.seeds, eligible, key)
            }
        }
    }

    /// What was picked has ended so, `took` after it was sent there. To the balancer that picked.
    ///
    /// Only a success can lower the latency estimate: a host that fails at once is not a fast one. What was cancelled
    /// can raise it, since it would have taken longer still.
    #[inline]
    pub fn settle(&self, pick: Pick, now: Instant, outcome: Outcome, took: Duration) {
        self.endpoints[pick.endpoint as usize].ended(now, outcome, took);
    }

    /// How many endpoints there are, usable or not.
    pub fn len(&self) -> u32 {
        self.endpoints.len() as u32
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// How it chooses.
    pub fn balance(&self) -> &Balance {
        &self.balance
    }

    /// What each endpoint carries, in the order of their indices.
    pub fn snapshot(&self, now: Instant) -> impl ExactSizeIterator<Item = EndpointLoad> + '_ {
        self.endpoints.iter().map(move |endpoint| endpoint.load(now))
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
