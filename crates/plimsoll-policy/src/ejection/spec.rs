use crate::units::Ratio;
use std::{num::NonZeroU32, time::Duration};

/// Success rates far below the others' mean: an outlier.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SuccessRate {
    /// So many standard deviations below the mean.
    pub deviations: f64,
    /// Looked at only with so many endpoints that have enough requests.
    pub minimum_endpoints: u32,
    /// Enough requests in a sweep.
    pub minimum_requests: u32,
}

impl Default for SuccessRate {
    /// 1.9 deviations, 5 endpoints, 100 requests.
    fn default() -> Self {
        Self { deviations: 1.9, minimum_endpoints: 5, minimum_requests: 100 }
    }
}

/// Too large a part of the attempts failed, whatever the others did.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FailurePercentage {
    /// This part of a sweep's requests or more.
    pub threshold: Ratio,
    /// Looked at only with so many endpoints that have enough requests.
    pub minimum_endpoints: u32,
    /// Enough requests in a sweep.
    pub minimum_requests: u32,
}

impl Default for FailurePercentage {
    /// 85 %, 5 endpoints, 50 requests.
    fn default() -> Self {
        Self { threshold: Ratio::percent(85), minimum_endpoints: 5, minimum_requests: 50 }
    }
}

/// Outlier ejection.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EjectionSpec {
    /// So many failures in a row eject; `None`: not looked at.
    pub consecutive_failures: Option<NonZeroU32>,
    /// For how long the first time; each further ejection lasts that much longer.
    pub duration: Duration,
    /// The longest.
    pub max_duration: Duration,
    /// At most this part of the endpoints is out at once, but one may always be (unless it is the only one).
    pub at_most: Ratio,
    /// How often success rates are compared.
    pub sweep: Duration,
    /// Ejection by success rate; `None`: not looked at.
    pub success_rate: Option<SuccessRate>,
    /// Ejection by failure percentage; `None`: not looked at.
    pub failure_percentage: Option<FailurePercentage>,
}

impl Default for EjectionSpec {
    /// 5 in a row, 30 s up to 300 s, at most 10 %, a sweep every 10 s with the default success rate. By failure
    /// percentage nothing is ejected unless it is asked for, as in Envoy.
    fn default() -> Self {
        Self {
            consecutive_failures: NonZeroU32::new(5),
            duration: Duration::from_secs(30),
            max_duration: Duration::from_mins(5),
            at_most: Ratio::percent(10),
            sweep: Duration::from_secs(10),
            success_rate: Some(SuccessRate::default()),
            failure_percentage: None,
        }
    }
}
