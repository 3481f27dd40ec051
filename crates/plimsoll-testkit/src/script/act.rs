//! Things done to a policy by hand while calls are under way.

use plimsoll_driver::Time;
use plimsoll_policy::{Driver, Instant, Policy, PolicyEvent, PolicySpec, breaker::Breaker};
use std::sync::Arc;

/// Done to the policy by hand.
#[derive(Clone, Debug)]
pub enum Act {
    /// The breaker is held open.
    ForceOpen,
    /// The breaker is held closed.
    ForceClosed,
    /// The peer is taken out of service.
    Isolate,
    /// The breaker decides for itself again.
    Release,
    /// Another spec comes into force for calls to come.
    Revise(Box<PolicySpec>),
}

impl Act {
    /// Does it to the breaker, and tells the policy's observer. A revision does nothing here.
    pub fn on_breaker<D: Driver>(&self, policy: &Policy<D>, now: Instant) {
        let Some(breaker) = policy.breaker() else { return };
        let by_hand = match self {
            Self::ForceOpen => Breaker::force_open,
            Self::ForceClosed => Breaker::force_closed,
            Self::Isolate => Breaker::isolate,
            Self::Release => Breaker::release,
            Self::Revise(_) => return,
        };
        if let Some(transition) = by_hand(breaker, now) {
            policy.driver().on(now, &PolicyEvent::Breaker(transition));
        }
    }
}

/// The policy in force, for runners that hold it themselves.
#[derive(Debug)]
pub struct Revising<D> {
    current: Arc<Policy<D>>,
    time: Time,
}

impl<D: Driver + Clone> Revising<D> {
    /// A new policy on this driver.
    pub fn new(spec: PolicySpec, time: Time, driver: D) -> Self {
        Self { current: Arc::new(Policy::new(spec, time.now(), time.secret(), driver)), time }
    }

    /// The one in force.
    pub fn current(&self) -> Arc<Policy<D>> {
        Arc::clone(&self.current)
    }

    /// Does this to it.
    pub fn act(&mut self, act: &Act) {
        if let Act::Revise(spec) = act {
            let revised = self.current.revised(spec.as_ref().clone(), self.time.now(), self.time.secret());
            self.current = Arc::new(revised);
        } else {
            act.on_breaker(&self.current, self.time.now());
        }
    }
}
