//! One endpoint that is asked again and again.

use super::{
    ask::{Heard, ask},
    verdict::Verdict,
};
use crate::{
    spec::{HealthSpec, Name, Protocol},
    upstream::{Endpoint, Upstream},
    worker::Shared,
};
use plimsoll::{
    telemetry::Counter,
    tower::driver::{draw, now},
};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// By how much of its interval a check may come sooner or later, so that endpoints are not all asked at once.
const JITTER: f64 = 0.1;

pub(super) struct Checked {
    shared: Weak<Shared>,
    upstream: Name,
    endpoint: Arc<Endpoint>,
    protocol: Protocol,
    spec: HealthSpec,
    counters: [Counter; Heard::NAMES.len()],
}

impl Checked {
    pub(super) fn new(
        shared: &Arc<Shared>,
        upstream: &Upstream,
        endpoint: &Arc<Endpoint>,
        spec: HealthSpec,
    ) -> Self {
        Self {
            shared: Arc::downgrade(shared),
            upstream: upstream.name.clone(),
            endpoint: Arc::clone(endpoint),
            protocol: upstream.spec.protocol,
            spec,
            counters: Heard::NAMES.map(|name| shared.metrics.health_checks(upstream.name.as_str(), name)),
        }
    }

    /// Asks for as long as the gateway lives.
    pub(super) async fn keep_asking(self) {
        let mut verdict = Verdict::new(self.endpoint.is_healthy());
        // The first answers are wanted soon, though not from all endpoints in the same instant.
        sleep(self.spec.every.min(Duration::from_secs(1)).mul_f64(draw().unit() * JITTER)).await;
        loop {
            let asked = ask(&self.endpoint.address, self.protocol, &self.spec.path);
            let heard = timeout(self.spec.timeout, asked).await.unwrap_or(Heard::TimedOut);
            self.counters[heard.at()].inc();
            let before = self.endpoint.set_healthy(verdict.heard(heard == Heard::Good, &self.spec));
            if before != self.endpoint.is_healthy() {
                let Some(shared) = self.shared.upgrade() else { return };
                self.turned(&shared, heard);
            }
            if self.shared.strong_count() == 0 {
                return;
            }
            sleep(self.spec.every.mul_f64(1.0 + JITTER * (2.0 * draw().unit() - 1.0))).await;
        }
    }

    fn turned(&self, shared: &Shared, heard: Heard) {
        let (upstream, endpoint) = (&self.upstream, &self.endpoint.address);
        if self.endpoint.is_healthy() {
            tracing::info!(%upstream, %endpoint, "endpoint healthy");
            self.bring_back(shared);
        } else {
            tracing::warn!(%upstream, %endpoint, ?heard, "endpoint unhealthy");
        }
    }

    /// An endpoint that was down and has answered well since is not made to wait for what requests thought of it before.
    fn bring_back(&self, shared: &Shared) {
        let snapshot = shared.snapshot.load();
        let Some(upstream) = snapshot.upstreams.get(&self.upstream) else { return };
        let at = upstream.endpoints.iter().position(|endpoint| endpoint.id == self.endpoint.id);
        if let (Some(at), Some(ejector)) = (at, upstream.ejector()) {
            ejector.uneject(at as u32, now());
        }
    }
}
