use crate::{
    Describe, Unknown,
    admit::{Admit, AdmitService},
    driver::{now, secret},
};
use plimsoll_policy::{
    RejectedError,
    rate::{KeyCapacity, Per, RateLimitSpec, RateLimiter, RateShape},
    units::{Burst, Rate},
};
use std::{fmt, sync::Arc};
use tower_layer::Layer;

/// A layer that limits the rate of calls. See the [module](super). Clones, and all services made by it, share the buckets.
#[derive(Clone)]
pub struct RateLimitLayer<D = Unknown> {
    admit: AdmitByRate<D>,
}

/// Admission of calls by a rate limit.
#[derive(Clone)]
pub struct AdmitByRate<D> {
    limiter: Arc<RateLimiter>,
    keys: KeyCapacity,
    describe: D,
}

impl RateLimitLayer {
    /// A layer with one token bucket for all calls, whatever [`RateLimitSpec::per`] and [`RateLimitSpec::shape`] are.
    pub fn new(spec: RateLimitSpec) -> Self {
        Self::with_spec(RateLimitSpec { per: Per::All, ..spec }, Unknown)
    }
}

impl<D> RateLimitLayer<D> {
    /// A layer with a token bucket for each key that `describe` reads from a request, at most [`RateLimitSpec::keys`] of them.
    /// Requests without a key share one bucket.
    pub fn keyed(spec: RateLimitSpec, describe: D) -> Self {
        // Any value but `All` selects buckets by key here.
        Self::with_spec(RateLimitSpec { per: Per::Route, ..spec }, describe)
    }

    fn with_spec(spec: RateLimitSpec, describe: D) -> Self {
        let spec = RateLimitSpec { shape: RateShape::TokenBucket, ..spec };
        let limiter = Arc::new(RateLimiter::new(&spec, now(), secret()));
        Self { admit: AdmitByRate { limiter, keys: spec.keys, describe } }
    }

    /// Puts a new rate and burst in force; what has been used stays used.
    pub fn update(&self, rate: Rate, burst: Burst) {
        let AdmitByRate { limiter, keys, .. } = &self.admit;
        let per = limiter.per().clone();
        let spec = RateLimitSpec { rate, burst, shape: RateShape::TokenBucket, per, keys: *keys };
        let the_same_keys = limiter.update(now(), &spec);
        debug_assert!(the_same_keys, "neither the kind of key nor their number has changed");
    }

    /// Returns the buckets, to inspect them.
    pub const fn limiter(&self) -> &Arc<RateLimiter> {
        &self.admit.limiter
    }
}

impl<Req, D: Describe<Req>> Admit<Req> for AdmitByRate<D> {
    type Guard = ();

    #[inline]
    fn admit(&self, request: &Req) -> Result<(), RejectedError> {
        let key = self.describe.key(request).and_then(|key| self.limiter.hash(key.as_bytes()));
        self.limiter.admit(now(), key)
    }
}

impl<S, D: Clone> Layer<S> for RateLimitLayer<D> {
    type Service = AdmitService<S, AdmitByRate<D>>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmitService::new(inner, self.admit.clone())
    }
}

impl<D> fmt::Debug for RateLimitLayer<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimitLayer").field(&self.admit.limiter.per()).finish()
    }
}

impl<D> fmt::Debug for AdmitByRate<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AdmitByRate").field(&self.limiter.per()).finish()
    }
}
