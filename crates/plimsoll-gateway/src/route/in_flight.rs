use super::target::Route;
use std::{fmt, ops::Deref, sync::Arc};

/// A request that counts as under way on its route until this is dropped.
pub(crate) struct InFlight(Arc<Route>);

impl InFlight {
    pub(crate) fn on(route: Arc<Route>) -> Self {
        route.metrics.in_flight.inc();
        Self(route)
    }

    pub(crate) fn route(&self) -> &Arc<Route> {
        &self.0
    }
}

impl Deref for InFlight {
    type Target = Route;

    fn deref(&self) -> &Route {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.metrics.in_flight.dec();
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InFlight({})", self.0.name)
    }
}
