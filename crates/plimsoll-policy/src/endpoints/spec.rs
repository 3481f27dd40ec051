use crate::{balance::Balance, ejection::EjectionSpec, units::Ratio};
use std::time::Duration;

/// How the endpoints of an upstream are chosen and judged.
#[derive(Clone, PartialEq, Debug)]
pub struct EndpointsSpec {
    /// How one is chosen.
    pub balance: Balance,
    /// Outlier ejection; `None`: none.
    pub ejection: Option<EjectionSpec>,
    /// Whether the driver may make health checks. Without them every endpoint counts as healthy,
    /// [`set_health`](super::Endpoints::set_health) changes nothing, and what checks said before a reload is forgotten.
    pub checks: bool,
    /// For how long an endpoint that returns or is new gets less than its share; `None`: not at all.
    pub slow_start: Option<Duration>,
    /// Below this part of usable endpoints all of them are asked; zero: never.
    pub panic_threshold: Ratio,
}

impl EndpointsSpec {
    /// The panic threshold unless set: one half, as in Envoy.
    pub const PANIC_THRESHOLD: Ratio = Ratio::percent(50);
}

impl Default for EndpointsSpec {
    /// Peak EWMA, the default ejection, health as the driver sets it, no slow start, a panic threshold of 50 %.
    fn default() -> Self {
        Self {
            balance: Balance::default(),
            ejection: Some(EjectionSpec::default()),
            checks: true,
            slow_start: None,
            panic_threshold: Self::PANIC_THRESHOLD,
        }
    }
}
