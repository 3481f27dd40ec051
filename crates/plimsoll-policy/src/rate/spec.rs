use crate::units::{Burst, Rate};
use std::num::NonZeroU32;

/// The kind of key that calls are counted by.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Per {
    /// Every call under one bucket.
    #[default]
    All,
    /// A bucket for each client address.
    Client,
    /// A bucket for each route.
    Route,
    /// A bucket for each value of this request header (name in lower case).
    Header(Box<str>),
}

/// The treatment of calls that come faster than the rate, up to the burst.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum RateShape {
    /// They go at once.
    #[default]
    TokenBucket,
    /// They wait in a queue that is drained at the rate: calls leave evenly, one by one.
    LeakyBucket,
}

/// A rate limit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RateLimitSpec {
    /// How many in how long.
    pub rate: Rate,
    /// How many may come at once. A token bucket lets them all go; a leaky bucket lets one go, and the others wait.
    pub burst: Burst,
    /// Whether a burst goes at once or waits.
    pub shape: RateShape,
    /// The kind of key that calls are counted by. A leaky bucket counts all calls together, whatever this is.
    pub per: Per,
    /// How many keys are remembered at most, where keys are counted apart. The least useful goes first.
    pub keys: KeyCapacity,
}

impl RateLimitSpec {
    /// How many keys are remembered unless said otherwise.
    pub const KEYS: KeyCapacity = KeyCapacity::new(65_536).unwrap();

    /// A token bucket of this rate for all calls together, with a burst of a second's worth (at least 1).
    pub fn new(rate: Rate) -> Self {
        let second = rate.per_second().ceil().clamp(1.0, f64::from(u32::MAX)) as u32;
        let burst = Burst::try_from(second).unwrap_or(Burst::ONE);
        Self { rate, burst, shape: RateShape::TokenBucket, per: Per::All, keys: Self::KEYS }
    }
}

/// How many keys a limiter remembers at most: from 1 to 4,194,304. The table for them takes 16 bytes a key from the start, so
/// that a large number is a large allocation.
///
/// ```
/// # use plimsoll_policy::rate::KeyCapacity;
/// assert_eq!(KeyCapacity::new(1000).map(KeyCapacity::get), Some(1000));
/// assert!(KeyCapacity::new(0).is_none() && KeyCapacity::new(KeyCapacity::MAX + 1).is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KeyCapacity(NonZeroU32);

impl KeyCapacity {
    /// The most keys, for which the table takes 64 MiB.
    pub const MAX: u32 = 1 << 22;

    /// Returns `None` outside 1 to [`Self::MAX`].
    pub const fn new(keys: u32) -> Option<Self> {
        match NonZeroU32::new(keys) {
            Some(keys) if keys.get() <= Self::MAX => Some(Self(keys)),
            _ => None,
        }
    }

    /// Returns the number, from 1 to [`Self::MAX`].
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl From<KeyCapacity> for NonZeroU32 {
    fn from(keys: KeyCapacity) -> Self {
        keys.0
    }
}
