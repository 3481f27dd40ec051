//! Endpoints: how many are fit, and what each carries.

use super::desc;
use crate::snapshot::Snapshot;
use plimsoll::{
    policy::{Instant, endpoints::EndpointSnapshot},
    telemetry::{Observed, RegisterError, Registry, Samples, Unit},
};

#[derive(Debug)]
pub(super) struct Upstreams {
    endpoints: Observed<2>,
    panic: Observed<1>,
    panics: Observed<1>,
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
        let panic =
            desc("plimsoll_upstream_panic", "1 while too few endpoints are usable and all are asked.");
        let panics = desc("plimsoll_upstream_panics_total", "How often too few endpoints were usable.");
        Ok(Self {
            panic: registry.observed_gauge(panic, ["upstream"])?,
            panics: registry.observed_counter(panics, ["upstream"])?,
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
            let standing = upstream.standing(now);
            samples.put(&self.panic, &[name.as_str()], u8::from(standing.panic).into());
            samples.put(&self.panics, &[name.as_str()], standing.panics as f64);
            for (endpoint, standing) in upstream.endpoints.iter().zip(&standing.endpoints) {
                samples.put(&self.endpoints, &[name.as_str(), state(standing)], 1.0);
                let address = endpoint.address.to_string();
                samples.put(&self.in_flight, &[name.as_str(), &address], standing.load.in_flight.into());
                if let Some(latency) = standing.load.latency {
                    samples.put(&self.latency, &[name.as_str(), &address], latency.as_secs_f64());
                }
            }
        }
    }
}

fn state(endpoint: &EndpointSnapshot) -> &'static str {
    match endpoint {
        EndpointSnapshot { healthy: false, .. } => "unhealthy",
        EndpointSnapshot { usable: false, .. } => "ejected",
        _ => "available",
    }
}
