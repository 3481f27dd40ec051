//! The machine.

mod choice;
mod health;
mod outcome;
#[cfg(all(test, not(loom)))]
mod tests;
use super::{
    EndpointSnapshot, EndpointsSnapshot, EndpointsSpec, Member, availability::Availability, state::State,
};
use crate::{
    Instant, KeyHash,
    balance::{Balancer, Weight},
    ejection::{Changes, Ejector},
};
use std::{collections::HashMap, sync::Arc};

/// The endpoints of an upstream. See [`crate::endpoints`].
///
/// 160 bytes per endpoint, in three allocations, besides its name. A pick costs the time in the table at
/// [`crate::balance`] and a few loads; it neither allocates nor locks. The set is fixed: [`Self::carried`] makes
/// another one, which shares the state of the endpoints that stay, so that the picks of the old set also count in the
/// new one.
///
/// ```
/// use plimsoll_policy::endpoints::{Endpoints, EndpointsSpec, Member};
/// use plimsoll_policy::{Draw, Instant, Outcome};
/// use std::time::Duration;
///
/// let now = Instant::from_nanos(1);
/// let members = [Member::new("10.0.0.7:80"), Member::new("10.0.0.8:80")];
/// let endpoints = Endpoints::new(&EndpointsSpec::default(), &members, now);
///
/// let pick = endpoints.pick(now, Draw::new(7), None, &[0], &[]).unwrap();   // endpoint 0 has failed in this call
/// assert_eq!(pick.endpoint(), 1);
/// endpoints.settle(&pick, now, Draw::new(8), Outcome::Success, Duration::from_millis(3));   // the head has come
/// endpoints.release(pick);                                                                 // the body has ended
/// ```
#[derive(Debug)]
pub struct Endpoints {
    spec: EndpointsSpec,
    balancer: Balancer,
    ejector: Option<Ejector>,
    states: Box<[Arc<State>]>,
    names: Box<[Box<str>]>,
    weights: Box<[Weight]>,
    availability: Availability,
}

impl Endpoints {
    /// Creates a set of new endpoints, all of them healthy and without slow start.
    pub fn new(spec: &EndpointsSpec, members: &[Member<'_>], _now: Instant) -> Self {
        let changes = Changes::new();
        let count = members.len() as u32;
        let ejector =
            spec.ejection.as_ref().map(|ejection| Ejector::heeded(ejection, count, changes.clone()));
        Self::with_state(
            spec,
            members,
            Balancer::new(spec.balance.clone(), members),
            ejector,
            members.iter().map(|_| Arc::new(State::new(None))).collect(),
            Availability::new(changes, 0),
        )
    }

    /// Makes another set, or the same under another spec: an endpoint of the same name keeps its load, latency, health
    /// and ejection. A new one begins with slow start, if the spec has it.
    pub fn carried(&self, spec: &EndpointsSpec, members: &[Member<'_>], now: Instant) -> Self {
        let old: HashMap<&str, u32> = self.names.iter().map(|name| &**name).zip(0..).collect();
        let from: Vec<Option<u32>> = members.iter().map(|member| old.get(member.name).copied()).collect();
        let changes = self.availability.changes().clone();
        let ejector = spec.ejection.as_ref().map(|ejection| match &self.ejector {
            Some(before) => before.carried(ejection, &from),
            None => Ejector::heeded(ejection, members.len() as u32, changes.clone()),
        });
        let states = from.iter().map(|old| {
            let kept = old.map(|old| &self.states[old as usize]);
            // Results of checks do not count once checks are off. The endpoint gets a new state, since a check in progress
            // still writes to the old one.
            match kept.filter(|kept| spec.checks || !kept.is_checked()) {
                Some(kept) => Arc::clone(kept),
                None => Arc::new(State::new(kept.is_none().then_some(now))),
            }
        });
        let states = states.collect();
        if from.contains(&None) {
            changes.returns(now);
        }
        let turns = self.availability.turns();
        Self::with_state(
            spec,
            members,
            self.balancer.carried(spec.balance.clone(), members, &from),
            ejector,
            states,
            Availability::new(changes, turns),
        )
    }

    fn with_state(
        spec: &EndpointsSpec,
        members: &[Member<'_>],
        balancer: Balancer,
        ejector: Option<Ejector>,
        states: Box<[Arc<State>]>,
        availability: Availability,
    ) -> Self {
        Self {
            spec: spec.clone(),
            balancer,
            ejector,
            states,
            names: members.iter().map(|member| member.name.into()).collect(),
            weights: members.iter().map(|member| member.weight).collect(),
            availability,
        }
    }

    /// Returns the hash of a key for [`Self::pick`]: of these bytes and the balance's seed, the same in every process.
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        self.balancer.hash(key)
    }

    /// Returns the name of an endpoint.
    pub fn name(&self, endpoint: u32) -> Option<&str> {
        self.names.get(endpoint as usize).map(|name| &**name)
    }

    /// Returns the number of endpoints, usable or not.
    pub fn len(&self) -> u32 {
        self.balancer.len()
    }

    /// Returns whether there is no endpoint.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Returns the spec in force.
    pub fn spec(&self) -> &EndpointsSpec {
        &self.spec
    }

    /// Returns a snapshot of the set. Allocates: not for the hot path.
    pub fn snapshot(&self, now: Instant) -> EndpointsSnapshot {
        let panic = self.is_panicking(now);
        let mut standings = self.ejector.as_ref().map(|ejector| ejector.snapshot(now));
        let endpoints = (0..).zip(&self.states).map(|(endpoint, state)| EndpointSnapshot {
            usable: state.is_healthy() && !self.is_ejected(endpoint, now),
            healthy: state.is_healthy(),
            checked: state.is_checked(),
            standing: standings.as_mut().and_then(Iterator::next),
            load: self.balancer.load(endpoint, now),
            weight: self.weights[endpoint as usize],
            share: self.spec.slow_start.map_or(1.0, |window| self.share(endpoint, now, window)),
        });
        let endpoints = endpoints.collect();
        EndpointsSnapshot { panic, panics: self.availability.turns().div_ceil(2), endpoints }
    }
}
