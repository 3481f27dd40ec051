//! Endpoints: how many are fit, and what each carries.

use super::desc;
use crate::{snapshot::Snapshot, upstream::Upstream};
use plimsoll::{
    Instant,
    telemetry::{Observed, RegisterError, Registry, Samples, Unit},
};

#[derive(Debug)]
pub(super) struct Upstreams {
    endpoints: Observed<2>,
    in_flight: Observed<2>,
    latency: Observed<2>,
}

impl Upstreams {
    pub(super) fn register(registry: &Registry) -> Result<Self, RegisterError> {
        let each = ["upstream", "endpoint"];
        let latency =
            desc("plimsoll_endpoint_latency_estimate_seconds", "The balancer's estimate of its latency.");
        let (endpoints, in_flight) = (
            desc("plimsoll_endpoints", "Endpoints that are available, unhealthy or ejected."),
            desc("plimsoll_endpoint_in_flight", "Attempts under way at the endpoint."),
        );
        Ok(Self {
            endpoints: registry.observed_gauge(endpoints, ["upstream", "state"])?,
            in_flight: registry.observed_gauge(in_flight, each)?,
            latency: registry.observed_gauge(latency.unit(Unit::Seconds), each)?,
        })
    }

    pub(super) fn collect(&self, snapshot: &Snapshot, now: Instant, samples: &mut Samples) {
        for (name, upstream) in &snapshot.upstreams {
            for state in ["available", "unhealthy", "ejected"] {
                samples.put(&self.endpoints, &[name.as_str(), state], 0.0);
            }
            for (at, load) in upstream.balancer().snapshot(now).enumerate() {
                let Some(endpoint) = upstream.endpoints.get(at) else { break };
                samples.put(&self.endpoints, &[name.as_str(), state(upstream, at, now)], 1.0);
                let address = endpoint.address.to_string();
                samples.put(&self.in_flight, &[name.as_str(), &address], load.in_flight.into());
                if let Some(latency) = load.latency {
                    samples.put(&self.latency, &[name.as_str(), &address], latency.as_secs_f64());
                }
            }
        }
    }
}

fn state(upstream: &Upstream, at: usize, now: Instant) -> &'static str {
    if !upstream.endpoints[at].is_healthy() {
        "unhealthy"
    } else if upstream.is_ejected(at as u32, now) {
        "ejected"
    } else {
        "available"
    }
}
