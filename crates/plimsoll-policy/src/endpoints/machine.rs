//! The machine.

use super::{
    EndpointSnapshot, EndpointsSnapshot, EndpointsSpec, Member, Pick,
    availability::{Availability, Mode},
    state::State,
};
use crate::{
    Draw, Instant, KeyHash, Outcome,
    balance::{Balancer, Eligible, Weight},
    ejection::{Changes, EjectionDecision, Ejector},
};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Sets a coin of slow start apart from every other use of the same draw or key.
const COIN: u64 = 0x736c_6f77_7374_6172;

/// The endpoints of an upstream. See [`crate::endpoints`].
///
/// 160 bytes an endpoint, in three allocations, beside its name. A pick costs what the table at [`crate::balance`] says
/// and a handful of loads; it neither allocates nor locks. The set is fixed: another one is made by
/// [`Self::carried`], which shares the state of the endpoints that stay, so that what was picked from the old one and is
/// judged and released there is also seen in the new one.
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
/// endpoints.judge(&pick, now, Draw::new(8), Outcome::Success, Duration::from_millis(3));   // the head is there
/// endpoints.release(pick);                                                                 // and now the body's end
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
    /// A set of new endpoints, all taken for healthy and warm.
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

    /// For another set or another spec: an endpoint of the same name keeps its load, latency, health and ejection. One
    /// that is new starts slowly, where the spec says so.
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
            // What checks said counts no more when none are made. A state of its own, since a check that is just being
            // answered still writes to the old one.
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

    /// Chooses an endpoint and counts one more in flight there; `None` where there is none to ask.
    ///
    /// One of `avoid` (the endpoints that have failed in this call) is chosen only if no other is usable. One of
    /// `exclude` never is: the endpoint whose attempt a hedge runs beside, one that asked to be left alone until later.
    /// `key` counts where the balance is by [hash](Self::hash); without one the place is drawn.
    #[inline]
    pub fn pick(
        &self,
        now: Instant,
        draw: Draw,
        key: Option<KeyHash>,
        avoid: &[u32],
        exclude: &[u32],
    ) -> Option<Pick> {
        let mode = self.availability.mode(now, || self.count(now));
        let usable = |endpoint: u32| self.is_usable(endpoint, mode, now, exclude);
        let endpoint = match self.slow_start(now) {
            None => self.choose(now, draw, key, avoid, usable),
            Some(window) => self.choose_warm(now, draw, key, avoid, usable, window),
        }?;
        self.balancer.start(endpoint);
        Some(Pick { endpoint })
    }

    /// Whether [`Self::pick`] would find an endpoint that is none of `exclude`.
    pub fn can_pick(&self, now: Instant, exclude: &[u32]) -> bool {
        let mode = self.availability.mode(now, || self.count(now));
        (0..self.balancer.len()).any(|endpoint| self.is_usable(endpoint, mode, now, exclude))
    }

    #[inline]
    fn is_usable(&self, endpoint: u32, mode: Mode, now: Instant, exclude: &[u32]) -> bool {
        !exclude.contains(&endpoint)
            && match mode {
                Mode::Normal => {
                    self.states[endpoint as usize].is_healthy() && !self.is_ejected(endpoint, now)
                }
                Mode::HealthAlone => self.states[endpoint as usize].is_healthy(),
                Mode::Panic => true,
            }
    }

    #[inline]
    fn choose(
        &self,
        now: Instant,
        draw: Draw,
        key: Option<KeyHash>,
        avoid: &[u32],
        usable: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let all = Eligible { total: self.balancer.len(), avoid: &[], usable };
        if avoid.is_empty() {
            return self.balancer.choose(now, draw, key, &all);
        }
        let others = Eligible { total: all.total, avoid, usable: &all.usable };
        self.balancer.choose(now, draw, key, &others).or_else(|| self.balancer.choose(now, draw, key, &all))
    }

    /// The same while an endpoint may be warming up: each takes part with the probability of its share.
    #[cold]
    fn choose_warm(
        &self,
        now: Instant,
        draw: Draw,
        key: Option<KeyHash>,
        avoid: &[u32],
        usable: impl Fn(u32) -> bool,
        window: Duration,
    ) -> Option<u32> {
        let salt = key.filter(|_| self.spec.balance.is_hash()).map_or(draw.bits(), |key| key.0);
        let takes_part = |endpoint: u32| {
            let share = self.share(endpoint, now, window);
            // One coin for a pick (or a key) and endpoint, however often it is asked for.
            let coin =
                || Draw::new(salt ^ self.balancer.seed(endpoint).rotate_left(32) ^ COIN).split().unit();
            usable(endpoint) && (share >= 1.0 || coin() < share)
        };
        let warm = Eligible { total: self.balancer.len(), avoid, usable: takes_part };
        let chosen = self.balancer.choose(now, draw, key, &warm);
        chosen.or_else(|| self.choose(now, draw, key, avoid, usable))
    }

    /// The window of slow start, if an endpoint may be in it.
    #[inline]
    fn slow_start(&self, now: Instant) -> Option<Duration> {
        let window = self.spec.slow_start?;
        (now < self.availability.changes().latest_return() + window).then_some(window)
    }

    fn share(&self, endpoint: u32, now: Instant, window: Duration) -> f64 {
        let returned = self.ejector.as_ref().and_then(|ejector| ejector.returns(endpoint));
        self.states[endpoint as usize].share(now, returned, window)
    }

    /// By what endpoints are to be left out, and until when at most that holds.
    fn count(&self, now: Instant) -> (Mode, Instant) {
        let (mut healthy, mut usable, mut until) = (0u64, 0u64, Instant::FAR);
        for (endpoint, state) in (0..).zip(&self.states) {
            let well = state.is_healthy();
            let out = self.is_ejected(endpoint, now);
            healthy += u64::from(well);
            usable += u64::from(well && !out);
            if out && let Some(back) = self.ejector.as_ref().and_then(|ejector| ejector.returns(endpoint)) {
                until = until.earliest(back);
            }
        }
        let (all, threshold) = (self.states.len() as u64, self.spec.panic_threshold);
        let mode = if all > 0 && !threshold.reached(usable, all) {
            Mode::Panic
        } else if usable == 0 && healthy > 0 {
            Mode::HealthAlone
        } else {
            Mode::Normal
        };
        (mode, until)
    }

    /// Returns the hash of a key for [`Self::pick`]: of these bytes and the balance's seed, the same in every process.
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        self.balancer.hash(key)
    }

    /// The verdict on an attempt, when it is known: at the response's head, `took` after the attempt was sent there, or
    /// at its failure. Once for each pick; `draw` spreads the time of an ejection.
    ///
    /// A success counts with its latency. A failure counts against the endpoint, and as an
    /// [expensive](crate::balance::FAILURE_LATENCY) latency however fast it came; so does `Throttled` for the latency.
    /// `Cancelled` can raise the latency estimate, since the attempt would have taken longer still; `Caller` and `Local`
    /// say nothing.
    ///
    /// The ejection's verdict is for the log and for metrics: what it says has been done.
    #[inline]
    pub fn judge(
        &self,
        pick: &Pick,
        now: Instant,
        draw: Draw,
        outcome: Outcome,
        took: Duration,
    ) -> Option<EjectionDecision> {
        self.balancer.judge(pick.endpoint, now, outcome, took);
        self.ejector.as_ref()?.judge(pick.endpoint, now, draw, outcome)
    }

    /// [`Self::judge`] for a good head whose verdict follows in trailers, as gRPC's does: the request and its latency
    /// count, but the run of consecutive failures does not end. [`Self::judge_late`] follows, with a success too.
    #[inline]
    pub fn judge_provisional(
        &self,
        pick: &Pick,
        now: Instant,
        draw: Draw,
        took: Duration,
    ) -> Option<EjectionDecision> {
        self.balancer.judge(pick.endpoint, now, Outcome::Success, took);
        self.ejector.as_ref()?.judge_provisional(pick.endpoint, now, draw)
    }

    /// Records the outcome after a good head. A failure replaces the success that was counted; other outcomes add nothing
    /// to the head's.
    ///
    /// `Success` belongs to a [provisional](Self::judge_provisional) head alone: it ends the run of failures that such a
    /// head leaves standing. After an ordinary head it must not be told, since the end of a long body would then hide
    /// failures that came in the meantime.
    #[inline]
    pub fn judge_late(
        &self,
        pick: &Pick,
        now: Instant,
        draw: Draw,
        outcome: Outcome,
    ) -> Option<EjectionDecision> {
        if matches!(outcome, Outcome::Failure(_) | Outcome::Throttled) {
            self.balancer.judge(pick.endpoint, now, outcome, Duration::ZERO);
        }
        self.ejector.as_ref()?.judge_late(pick.endpoint, now, draw, outcome)
    }

    /// Counts the attempt out of flight: at the end of the body, or when the attempt is over. Once for each pick, by the
    /// set that made it.
    #[inline]
    pub fn release(&self, pick: Pick) {
        self.balancer.release(pick.endpoint);
    }

    /// Sets the result of a health check and returns the former one; `true` for an endpoint that is not in the set.
    ///
    /// An endpoint that becomes healthy is also let back in if it was ejected: it is not made to wait for what requests
    /// thought of it before. Without [checks](EndpointsSpec::checks) nothing changes.
    pub fn set_health(&self, endpoint: u32, healthy: bool, now: Instant) -> bool {
        let Some(state) = self.states.get(endpoint as usize).filter(|_| self.spec.checks) else {
            return true;
        };
        let before = state.set_healthy(healthy, now);
        if healthy != before {
            if let Some(ejector) = self.ejector.as_ref().filter(|_| healthy) {
                ejector.uneject(endpoint, now);
            }
            if healthy {
                self.availability.changes().returns(now);
            }
            self.availability.changes().happened();
            self.availability.mode(now, || self.count(now));
        }
        before
    }

    /// Whether health checks say that the endpoint is well.
    pub fn is_healthy(&self, endpoint: u32) -> bool {
        self.states.get(endpoint as usize).is_none_or(|state| state.is_healthy())
    }

    /// Whether the endpoint is left out for a while.
    #[inline]
    pub fn is_ejected(&self, endpoint: u32, now: Instant) -> bool {
        self.ejector.as_ref().is_some_and(|ejector| ejector.is_ejected(endpoint, now))
    }

    /// Whether so few endpoints are usable that all are asked.
    pub fn is_panicking(&self, now: Instant) -> bool {
        self.availability.mode(now, || self.count(now)) == Mode::Panic
    }

    /// Whether panic has begun (`Some(true)`) or ended (`Some(false)`) since this was last asked: for a line in the log.
    /// Two loads where nothing has changed. What has changed is found by [`Self::pick`], [`Self::set_health`] and
    /// [`Self::is_panicking`].
    #[inline]
    pub fn panic_turned(&self) -> Option<bool> {
        self.availability.turned()
    }

    /// Returns the name of an endpoint.
    pub fn name(&self, endpoint: u32) -> Option<&str> {
        self.names.get(endpoint as usize).map(|name| &**name)
    }

    /// Returns the number of endpoints, usable or not.
    pub fn len(&self) -> u32 {
        self.balancer.len()
    }

    /// Whether there is none at all.
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

#[cfg(all(test, not(loom)))]
mod tests;
