//! One endpoint that is asked again and again.

use super::{
    ask::{Heard, ask},
    standing::Standing,
};
use crate::{
    shared::Shared,
    spec::{HealthSpec, Name, Protocol},
    upstream::{Endpoint, Upstream},
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
        let Some(healthy) = self.known(Upstream::is_healthy) else { return };
        let mut standing = Standing::new(healthy);
        // The first responses are wanted soon, though not from all endpoints in the same instant.
        sleep(self.spec.every.min(Duration::from_secs(1)).mul_f64(draw().unit() * JITTER)).await;
        loop {
            let Some(dialer) = self.shared.upgrade().map(|shared| shared.dialer.clone()) else { return };
            let asked = ask(&dialer, &self.endpoint.address, self.protocol, &self.spec.path);
            let heard = timeout(self.spec.timeout, asked).await.unwrap_or(Heard::TimedOut);
            self.counters[heard.at()].inc();
            // A check that could not be made tells nothing of the endpoint: it stays as it was.
            let healthy =
                (heard != Heard::NotAsked).then(|| standing.heard(heard == Heard::Good, &self.spec));
            // An endpoint that the configuration in force does not have any more is soon not checked any more.
            if let Some(healthy) = healthy
                && let Some(before) = self.known(|upstream, at| upstream.set_health(at, healthy, now()))
                && before != healthy
            {
                let Some(shared) = self.shared.upgrade() else { return };
                shared.notices.checked(&self.endpoint, healthy, &heard.to_string(), shared.time.now());
            }
            if self.shared.strong_count() == 0 {
                return;
            }
            sleep(self.spec.every.mul_f64(1.0 + JITTER * (2.0 * draw().unit() - 1.0))).await;
        }
    }

    /// Something of the endpoint as the configuration in force has it.
    fn known<T>(&self, look: impl FnOnce(&Upstream, u32) -> T) -> Option<T> {
        let shared = self.shared.upgrade()?;
        let snapshot = shared.snapshot.load();
        let upstream = snapshot.upstreams.get(&self.upstream)?;
        Some(look(upstream, upstream.index_of(self.endpoint.id)?))
    }
}
