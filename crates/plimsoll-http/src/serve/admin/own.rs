//! The server's own limits, as a policy that can be changed while it runs.

use super::super::{Limits, stack::Guards};
use parking_lot::Mutex;
use plimsoll_config::{ConfigError, Diagnostic, Location, merge};
use plimsoll_policy::{
    Instant, PolicySnapshot, PolicySpec,
    rate::{RateLimitSpec, RateShape},
};
use plimsoll_tower::BulkheadLayer;
use serde_json::Value;

/// The name of the server's own policy.
pub(super) const NAME: &str = "server";

/// The rate of each client, the places of all, and when is shed: what has thresholds that can change.
#[derive(Debug)]
pub(in super::super) struct ServerPolicy {
    guards: Guards,
    spec: Mutex<PolicySpec>,
}

impl ServerPolicy {
    pub(in super::super) fn new(limits: &Limits, guards: Guards) -> Self {
        let spec = PolicySpec {
            rate_limit: limits.client_rate.clone().map(|rate| RateLimitSpec {
                // Its layer has no other.
                shape: RateShape::TokenBucket,
                ..rate
            }),
            bulkhead: limits.in_flight,
            shed: limits.shedding,
            ..PolicySpec::OFF
        };
        Self { guards, spec: Mutex::new(spec) }
    }

    pub(super) fn spec(&self) -> PolicySpec {
        self.spec.lock().clone()
    }

    pub(super) fn snapshot(&self, now: Instant) -> PolicySnapshot {
        let Guards { line, lag, places, rate, own: _ } = &self.guards;
        let shed = lag.as_ref().or(line.as_ref());
        let mut snapshot = PolicySnapshot::default();
        snapshot.shed = shed.map(|shed| shed.shedder().snapshot(now));
        snapshot.rate_limit = rate.as_ref().map(|rate| rate.limiter().snapshot(now));
        snapshot.bulkhead = places.as_ref().map(BulkheadLayer::snapshot);
        snapshot
    }

    /// By a JSON merge patch.
    pub(super) fn patch(&self, patch: &Value) -> Result<(), ConfigError> {
        let mut spec = self.spec.lock();
        let wanted = merge(&*spec, patch)?;
        check(&spec, &wanted)?;
        let Guards { line, lag, places, rate, own: _ } = &self.guards;
        if let (Some(layer), Some(rate)) = (rate, &wanted.rate_limit) {
            layer.update(rate.rate, rate.burst);
        }
        if let (Some(layer), Some(bulkhead)) = (places, wanted.bulkhead) {
            layer.update(bulkhead);
        }
        for layer in [line, lag].into_iter().flatten() {
            if let Some(shed) = wanted.shed {
                layer.shedder().update(shed);
            }
        }
        *spec = wanted;
        Ok(())
    }
}

/// Only thresholds change: the layers stand where they stand.
fn check(now: &PolicySpec, wanted: &PolicySpec) -> Result<(), ConfigError> {
    let mut faults = Vec::new();
    let mut refuse = |key: &str, problem: &str, expected: &str| {
        let location = Location::Json { pointer: format!("/{key}") };
        faults.push(Diagnostic::new(location, key, problem.to_owned()).expecting(expected.to_owned()));
    };
    let switched = [
        ("rate-limit", now.rate_limit.is_some(), wanted.rate_limit.is_some()),
        ("bulkhead", now.bulkhead.is_some(), wanted.bulkhead.is_some()),
        ("shed", now.shed.is_some(), wanted.shed.is_some()),
    ];
    for (key, was, is) in switched {
        if was != is {
            refuse(key, "it cannot be switched on or off while the server runs", "other thresholds");
        }
    }
    if let (Some(now), Some(wanted)) = (&now.rate_limit, &wanted.rate_limit)
        && (now.per != wanted.per || now.keys != wanted.keys)
    {
        refuse(
            "rate-limit",
            "what is counted together cannot change while the server runs",
            "rate and burst",
        );
    }
    if wanted.rate_limit.as_ref().is_some_and(|wanted| wanted.shape != RateShape::TokenBucket) {
        refuse("rate-limit", "the server lets no request wait for its rate", "shape = \"token-bucket\"");
    }
    let elsewhere = PolicySpec {
        rate_limit: now.rate_limit.clone(),
        bulkhead: now.bulkhead,
        shed: now.shed,
        ..wanted.clone()
    };
    if elsewhere != *now {
        refuse("", "the server has no such machine", "\"rate-limit\", \"bulkhead\" or \"shed\"");
    }
    ConfigError::check(faults)
}
