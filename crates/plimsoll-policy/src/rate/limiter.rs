use super::{
    BucketSnapshot, KeyCapacity, KeyedLimiter, KeysSnapshot, LeakyBucket, Per, QueueSnapshot, RateLimitSpec,
    RateShape, TokenBucket, refused,
};
use crate::{Draw, Instant, KeyHash, RejectedError};

/// The rate limit of a policy: one bucket for all calls, or one for each key.
///
/// Where the one bucket is a leaky one, calls wait for their turn: a driver that can wait asks
/// [`RateLimiter::leaky_bucket`]. The driver chooses the key (client, route, header) and hashes it with [`RateLimiter::hash`].
#[derive(Debug)]
pub struct RateLimiter {
    per: Per,
    keys: KeyCapacity,
    buckets: Buckets,
}

// One a policy, and apart from the bucket's own cache lines the larger of the two is on the heap anyway.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
enum Buckets {
    All(TokenBucket),
    Leaky(LeakyBucket),
    Keyed { limiter: KeyedLimiter, keyless: KeyHash },
}

/// A rate limit as seen at one instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateSnapshot {
    /// Every call under one token bucket.
    All(BucketSnapshot),
    /// Every call under one leaky bucket.
    Queue(QueueSnapshot),
    /// A bucket for each key.
    Keyed(KeysSnapshot),
}

impl RateLimiter {
    /// A limiter with every token bucket full, or an empty queue. `secret` keys the hash, where there are keys.
    pub fn new(spec: &RateLimitSpec, start: Instant, secret: Draw) -> Self {
        let buckets = match spec.per {
            _ if spec.shape == RateShape::LeakyBucket => {
                Buckets::Leaky(LeakyBucket::new(spec.rate, queue(spec), start))
            }
            Per::All => Buckets::All(TokenBucket::new(spec.rate, spec.burst, start)),
            Per::Client | Per::Route | Per::Header(_) => {
                let limiter = KeyedLimiter::new(spec.rate, spec.burst, spec.keys.into(), start, secret);
                // A draw that the hash's own secret is not made of.
                let keyless = KeyHash((0..8).fold(secret, |draw, _| draw.split()).bits());
                Buckets::Keyed { limiter, keyless }
            }
        };
        Self { per: spec.per.clone(), keys: spec.keys, buckets }
    }

    /// Returns the kind of key that calls are counted by.
    pub const fn per(&self) -> &Per {
        &self.per
    }

    /// Returns the hash of a key; `None` if all calls share one bucket.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> Option<KeyHash> {
        match &self.buckets {
            Buckets::All(_) | Buckets::Leaky(_) => None,
            Buckets::Keyed { limiter, .. } => Some(limiter.hash(key)),
        }
    }

    /// Admits one more call or refuses it.
    ///
    /// Calls without a key (a header that is absent) share one bucket among themselves, so that leaving the key out is
    /// no way around the limit. Where all calls share one bucket, the key is not looked at. A leaky bucket is not
    /// asked here, and every call is refused: ask [`Self::leaky_bucket`], which may let it wait.
    ///
    /// # Errors
    /// By [`crate::Machine::RateLimit`] for [`crate::Reason::RateExceeded`], with the exact time to come back.
    #[inline]
    pub fn admit(&self, now: Instant, key: Option<KeyHash>) -> Result<(), RejectedError> {
        match &self.buckets {
            Buckets::All(bucket) => bucket.admit(now, 1),
            Buckets::Keyed { limiter, keyless } => limiter.admit(now, key.unwrap_or(*keyless), 1),
            Buckets::Leaky(_) => Err(refused()),
        }
    }

    /// Returns the leaky bucket, where the limit is one; `None` where nobody waits.
    #[inline]
    pub const fn leaky_bucket(&self) -> Option<&LeakyBucket> {
        if let Buckets::Leaky(bucket) = &self.buckets { Some(bucket) } else { None }
    }

    /// Gives a call's permit back, if it did not happen after all. A turn of a leaky bucket is not given back by this, but
    /// by [`LeakyBucket::cancel`].
    pub fn refund(&self, key: Option<KeyHash>) {
        match &self.buckets {
            Buckets::All(bucket) => bucket.refund(1),
            Buckets::Keyed { limiter, keyless } => limiter.refund(key.unwrap_or(*keyless), 1),
            Buckets::Leaky(_) => {}
        }
    }

    /// Puts a new rate and burst in force and keeps what has been counted.
    ///
    /// False, and nothing is changed, if `shape`, `per` or the number of `keys` differs: another shape is another machine,
    /// and other keys mean other buckets, so the limiter has to be built anew. (`keys` is not looked at where there are
    /// none.)
    #[must_use = "if false, the limiter must be built anew"]
    pub fn update(&self, now: Instant, spec: &RateLimitSpec) -> bool {
        if !self.takes(spec) {
            return false;
        }
        match &self.buckets {
            Buckets::All(bucket) => bucket.update(now, spec.rate, spec.burst),
            Buckets::Leaky(bucket) => bucket.update(now, spec.rate, queue(spec)),
            Buckets::Keyed { limiter, .. } => limiter.update(now, spec.rate, spec.burst),
        }
        true
    }

    /// Returns whether an [`update`](Self::update) to this spec would be taken.
    pub(crate) fn takes(&self, spec: &RateLimitSpec) -> bool {
        match (&self.buckets, spec.shape) {
            (Buckets::Leaky(_), RateShape::LeakyBucket) => true,
            (Buckets::All(_), RateShape::TokenBucket) => spec.per == Per::All,
            (Buckets::Keyed { .. }, RateShape::TokenBucket) => spec.per == self.per && spec.keys == self.keys,
            (Buckets::Leaky(_), _) | (_, RateShape::LeakyBucket) => false,
        }
    }

    /// Continues a limiter of the other shape, before this one is used: what was used there and not yet earned back stays
    /// used. Without effect where either counts keys apart, or the shape is the same.
    pub(crate) fn take_over(&self, from: &Self) {
        match (&self.buckets, &from.buckets) {
            (Buckets::All(bucket), Buckets::Leaky(from)) => bucket.take_over(from),
            (Buckets::Leaky(bucket), Buckets::All(from)) => bucket.take_over(from),
            _ => {}
        }
    }

    /// Returns a snapshot of the buckets.
    pub fn snapshot(&self, now: Instant) -> RateSnapshot {
        match &self.buckets {
            Buckets::All(bucket) => RateSnapshot::All(bucket.snapshot(now)),
            Buckets::Leaky(bucket) => RateSnapshot::Queue(bucket.snapshot(now)),
            Buckets::Keyed { limiter, .. } => RateSnapshot::Keyed(limiter.snapshot()),
        }
    }
}

/// How many wait at most: a burst but for the one that goes.
fn queue(spec: &RateLimitSpec) -> u32 {
    spec.burst.get() - 1
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Machine, Reason, units::Burst};

    fn spec(per: Per) -> RateLimitSpec {
        RateLimitSpec { burst: Burst::ONE, per, ..RateLimitSpec::new("1/s".parse().unwrap()) }
    }

    #[test]
    fn one_bucket_for_all_or_one_for_each_key() {
        let now = Instant::ORIGIN;
        let all = RateLimiter::new(&spec(Per::All), now, Draw::new(1));
        assert_eq!(all.hash(b"a"), None);
        assert!(all.admit(now, Some(KeyHash(1))).is_ok());
        let refused = all.admit(now, Some(KeyHash(2))).unwrap_err();
        assert_eq!((refused.by, refused.reason), (Machine::RateLimit, Reason::RateExceeded));

        let keyed = RateLimiter::new(&spec(Per::Client), now, Draw::new(1));
        for key in [keyed.hash(b"a"), keyed.hash(b"b"), None] {
            assert!(keyed.admit(now, key).is_ok());
            assert!(keyed.admit(now, key).is_err());
        }
        keyed.refund(None);
        assert!(keyed.admit(now, None).is_ok());
        assert!(matches!(keyed.snapshot(now), RateSnapshot::Keyed(keys) if keys.keys == 3));
    }

    #[test]
    fn other_keys_are_another_limiter() {
        let now = Instant::ORIGIN;
        let limiter = RateLimiter::new(&spec(Per::Client), now, Draw::new(1));
        let key = limiter.hash(b"a");
        assert!(limiter.admit(now, key).is_ok());
        assert!(!limiter.update(now, &spec(Per::Route)));
        assert!(
            !limiter.update(now, &RateLimitSpec { keys: KeyCapacity::new(1).unwrap(), ..spec(Per::Client) })
        );
        assert!(limiter.admit(now, key).is_err(), "nothing was changed");
        let more = RateLimitSpec { burst: Burst::try_from(2).unwrap(), ..spec(Per::Client) };
        assert!(limiter.update(now, &more));
        assert!(limiter.admit(now, key).is_ok());
        assert!(limiter.admit(now, key).is_err(), "the one taken before the update counts");
    }
}
