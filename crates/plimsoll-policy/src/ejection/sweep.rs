//! The arithmetic of a sweep: success rates compared with one another, and failure percentages with a threshold.
//!
//! Rates are percentages and the arithmetic is Envoy's, operation for operation, so that it decides the same up to the
//! last bit.

use super::{FailurePercentage, SuccessRate, endpoint::Endpoint};
use crate::Instant;
use smallvec::SmallVec;
use std::sync::Arc;

/// An endpoint's index, its requests in the last sweep, and the percentage of them that went well.
type Rate = (u32, u32, f64);

/// Endpoints that stand out, the worst first: where not all of them may go, it is the best that stay.
pub(super) type Outliers = SmallVec<[u32; 8]>;

/// The rates of the endpoints that are in. On the stack for as many as most upstreams have.
pub(super) fn rates(endpoints: &[Arc<Endpoint>], now: Instant) -> SmallVec<[Rate; 32]> {
    let rate = |(index, endpoint): (u32, &Arc<Endpoint>)| {
        let (requests, rate) = endpoint.swept_rate().filter(|_| !endpoint.is_ejected(now))?;
        Some((index, requests, rate))
    };
    (0..).zip(endpoints).filter_map(rate).collect()
}

/// Those whose rate is below `mean − deviations · σ` of all that had enough requests, if there are enough of these. σ is
/// the population's.
///
/// With `k` deviations at most a `1/(1 + k²)` part can stand out (Cantelli): with 1.9, one in five. So three or four
/// endpoints have no outlier by this measure, whatever they do.
pub(super) fn by_success_rate(rates: &[Rate], spec: &SuccessRate) -> Outliers {
    let valid = || rates.iter().filter(|(_, requests, _)| *requests >= spec.minimum_requests);
    let count = valid().count();
    if count == 0 || count < spec.minimum_endpoints as usize {
        return Outliers::new();
    }
    let mean = valid().map(|(_, _, rate)| rate).sum::<f64>() / count as f64;
    let square = |rate: f64| (rate - mean) * (rate - mean);
    let variance = valid().map(|(_, _, rate)| square(*rate)).sum::<f64>() / count as f64;
    let threshold = mean - spec.deviations * variance.sqrt();
    worst_first(valid().filter(|(_, _, rate)| *rate < threshold))
}

/// Those of which too large a part failed, of all that had enough requests, if there are enough of these.
pub(super) fn by_failure_percentage(rates: &[Rate], spec: &FailurePercentage) -> Outliers {
    let valid = || rates.iter().filter(|(_, requests, _)| *requests >= spec.minimum_requests);
    let count = valid().count();
    if count == 0 || count < spec.minimum_endpoints as usize {
        return Outliers::new();
    }
    worst_first(valid().filter(|(_, _, rate)| 100.0 - rate >= spec.threshold.get() * 100.0))
}

fn worst_first<'a>(outliers: impl Iterator<Item = &'a Rate>) -> Outliers {
    let mut outliers: SmallVec<[Rate; 8]> = outliers.copied().collect();
    outliers.sort_by(|(_, _, one), (_, _, other)| one.total_cmp(other));
    outliers.into_iter().map(|(index, _, _)| index).collect()
}
