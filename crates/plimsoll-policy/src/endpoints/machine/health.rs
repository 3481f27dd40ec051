use super::Endpoints;
use crate::{Instant, endpoints::availability::Mode};

impl Endpoints {
    /// Sets the result of a health check and returns the former one; `true` for an endpoint that is not in the set.
    ///
    /// The ejection of an endpoint that becomes healthy ends at once. Without
    /// [checks](crate::endpoints::EndpointsSpec::checks) nothing changes.
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

    /// Returns whether the endpoint is healthy by its health checks.
    pub fn is_healthy(&self, endpoint: u32) -> bool {
        self.states.get(endpoint as usize).is_none_or(|state| state.is_healthy())
    }

    /// Returns whether the endpoint is ejected.
    #[inline]
    pub fn is_ejected(&self, endpoint: u32, now: Instant) -> bool {
        self.ejector.as_ref().is_some_and(|ejector| ejector.is_ejected(endpoint, now))
    }

    /// Returns whether so few endpoints are usable that all are used.
    pub fn is_panicking(&self, now: Instant) -> bool {
        self.availability.mode(now, || self.count(now)) == Mode::Panic
    }

    /// Returns whether panic has begun (`Some(true)`) or ended (`Some(false)`) since the last call, for a line in the
    /// log. Two loads if nothing has changed. Changes are detected by [`Self::pick`], [`Self::set_health`] and
    /// [`Self::is_panicking`].
    #[inline]
    pub fn panic_turned(&self) -> Option<bool> {
        self.availability.turned()
    }
}
