//! A policy as it is run: every value validated by its type.

use crate::{
    Timeouts, breaker::BreakerSpec, bulkhead::BulkheadSpec, concurrency::ConcurrencySpec, hedge::HedgeSpec,
    rate::RateLimitSpec, retry::RetrySpec, shed::ShedSpec, throttle::ThrottleSpec,
};

/// Which machines a policy has, and with which thresholds; `None` is off.
///
/// Every value of this type can be run: what could be wrong is refused where its parts are made.
#[derive(Clone, PartialEq, Debug)]
pub struct PolicySpec {
    /// The timeout matrix.
    pub timeouts: Timeouts,
    /// Load shedding.
    pub shed: Option<ShedSpec>,
    /// The rate limit.
    pub rate_limit: Option<RateLimitSpec>,
    /// Client-side throttling.
    pub throttle: Option<ThrottleSpec>,
    /// The circuit breaker.
    pub breaker: Option<BreakerSpec>,
    /// The bulkhead.
    pub bulkhead: Option<BulkheadSpec>,
    /// The adaptive concurrency limit.
    pub concurrency: Option<ConcurrencySpec>,
    /// Retries.
    pub retry: Option<RetrySpec>,
    /// Hedges.
    pub hedge: Option<HedgeSpec>,
}

impl PolicySpec {
    /// Nothing is limited, nothing refused, nothing tried twice.
    pub const OFF: Self = Self {
        timeouts: Timeouts::NONE,
        shed: None,
        rate_limit: None,
        throttle: None,
        breaker: None,
        bulkhead: None,
        concurrency: None,
        retry: None,
        hedge: None,
    };
}

impl Default for PolicySpec {
    /// Timeouts, shedding, breaker, bulkhead and retries with their defaults. A rate limit needs a number that only
    /// its user knows; hedging, throttling and adaptive concurrency change the load on a peer and are asked for.
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            shed: Some(ShedSpec::default()),
            breaker: Some(BreakerSpec::default()),
            bulkhead: Some(BulkheadSpec::default()),
            retry: Some(RetrySpec::default()),
            ..Self::OFF
        }
    }
}
