use crate::{
    Describe, Unknown,
    admit::{Admit, AdmitService},
    driver::{now, secret},
};
use plimsoll_policy::{
    Rejected,
    rate::{Per, RateLimitSpec, RateLimiter},
    units::{Burst, Rate},
};
use std::{fmt, num::NonZeroU32, sync::Arc};
use tower_layer::Layer;

/// Limits the rate of calls. See the [module](super). Clones, and all services made by it, share the buckets.
#[derive(Clone)]
pub struct RateLimitLayer<D = Unknown> {
    limited: Limited<D>,
}

/// Asks a rate limit before each call.
#[derive(Clone)]
pub struct Limited<D> {
    limiter: Arc<RateLimiter>,
    keys: NonZeroU32,
    describe: D,
}

impl RateLimitLayer {
    /// One bucket for all calls, whatever [`RateLimitSpec::per`] says.
    pub fn new(spec: RateLimitSpec) -> Self {
        Self::of(RateLimitSpec { per: Per::All, ..spec }, Unknown)
    }
}

impl<D> RateLimitLayer<D> {
    /// A bucket for each key that `describe` reads off a request, at most [`RateLimitSpec::keys`] of them. Requests
    /// without a key share one.
    pub fn keyed(spec: RateLimitSpec, describe: D) -> Self {
        // Which of the file's words stands for the key makes no difference here, as long as it is not "all".
        Self::of(RateLimitSpec { per: Per::Route, ..spec }, describe)
    }

    fn of(spec: RateLimitSpec, describe: D) -> Self {
        let limiter = Arc::new(RateLimiter::new(&spec, now(), secret()));
        Self { limited: Limited { limiter, keys: spec.keys, describe } }
    }

    /// Puts a new rate and burst in force; what has been used stays used.
    pub fn update(&self, rate: Rate, burst: Burst) {
        let Limited { limiter, keys, .. } = &self.limited;
        let spec = RateLimitSpec { rate, burst, per: limiter.per().clone(), keys: *keys };
        let the_same_keys = limiter.update(now(), &spec);
        debug_assert!(the_same_keys, "neither the kind of key nor their number has changed");
    }

    /// The buckets, to look at.
    pub const fn limiter(&self) -> &Arc<RateLimiter> {
        &self.limited.limiter
    }
}

impl<Req, D: Describe<Req>> Admit<Req> for Limited<D> {
    type Guard = ();

    #[inline]
    fn admit(&self, request: &Req) -> Result<(), Rejected> {
        let key = self.describe.key(request).and_then(|key| self.limiter.hash(key.as_bytes()));
        self.limiter.admit(now(), key)
    }
}

impl<S, D: Clone> Layer<S> for RateLimitLayer<D> {
    type Service = AdmitService<S, Limited<D>>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmitService::new(inner, self.limited.clone())
    }
}

impl<D> fmt::Debug for RateLimitLayer<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimitLayer").field(&self.limited.limiter.per()).finish()
    }
}

impl<D> fmt::Debug for Limited<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Limited").field(&self.limiter.per()).finish()
    }
}
