use super::{Endpoint, Upstream};
use plimsoll::{
    Instant, Outcome,
    balance::Pick,
    tower::driver::{draw, now},
};
use std::{fmt, sync::Arc, time::Duration};

/// An endpoint that was chosen for an attempt. Dropped, it tells the balancer and the ejector how that went: as
/// cancelled unless something else was said before.
pub(crate) struct Picked {
    upstream: Arc<Upstream>,
    pick: Pick,
    began: Instant,
    ended: Option<Ended>,
}

#[derive(Clone, Copy)]
struct Ended {
    at: Instant,
    outcome: Outcome,
    took: Duration,
}

impl Picked {
    pub(super) fn new(upstream: Arc<Upstream>, pick: Pick, now: Instant) -> Self {
        Self { upstream, pick, began: now, ended: None }
    }

    /// Its index in the upstream.
    pub(crate) fn index(&self) -> u32 {
        self.pick.endpoint()
    }

    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.upstream.endpoints[self.pick.endpoint() as usize]
    }

    /// It went so, up to the answer's head or to the failure. A failure replaces an earlier success: an answer that
    /// begins well may break off.
    pub(crate) fn ended(&mut self, at: Instant, outcome: Outcome) {
        let took = self.ended.map_or_else(|| at.since(self.began), |ended| ended.took);
        if self.ended.is_none() || outcome.is_failure() {
            self.ended = Some(Ended { at, outcome, took });
        }
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        let Ended { at, outcome, took } = self.ended.unwrap_or_else(|| {
            let now = now();
            Ended { at: now, outcome: Outcome::Cancelled, took: now.since(self.began) }
        });
        self.upstream.balancer.settle(self.pick, at, outcome, took);
        if let Some(ejector) = &self.upstream.ejector
            && let Some(verdict) = ejector.settle(self.pick.endpoint(), at, draw(), outcome)
        {
            self.upstream.ejection(verdict);
        }
    }
}

impl fmt::Debug for Picked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picked({})", self.endpoint().address)
    }
}
