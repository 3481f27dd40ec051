//! Success rates, held against one another.

use super::{SuccessRate, endpoint::Endpoint};
use std::sync::Arc;

/// The endpoint whose rate of the last sweep is the lowest, if that is below `mean − deviations · σ` of those with
/// enough requests, and there are enough of these. σ is the population's, as in Envoy.
///
/// With `k` deviations at most a `1/(1 + k²)` part can stand out (Cantelli): with 1.9, one in five. So three or four
/// endpoints have no outlier by this measure, whatever they do.
pub(super) fn outlier(endpoints: &[Arc<Endpoint>], spec: &SuccessRate) -> Option<u32> {
    let rates = || {
        let rate = |(index, endpoint): (u32, &Arc<Endpoint>)| {
            Some((index, endpoint.swept_rate(spec.minimum_requests)?))
        };
        (0..).zip(endpoints).filter_map(rate)
    };
    let (mut count, mut sum) = (0u32, 0.0);
    for (_, rate) in rates() {
        count += 1;
        sum += rate;
    }
    if count == 0 || count < spec.minimum_endpoints {
        return None;
    }
    let mean = sum / f64::from(count);
    let variance = rates().map(|(_, rate)| (rate - mean).powi(2)).sum::<f64>() / f64::from(count);
    let threshold = mean - spec.deviations * variance.sqrt();
    let (index, worst) = rates().min_by(|(_, one), (_, other)| one.total_cmp(other))?;
    (worst < threshold).then_some(index)
}
