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

/// A rate limit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RateLimitSpec {
    /// How many in how long.
    pub rate: Rate,
    /// How many at once.
    pub burst: Burst,
    /// The kind of key that calls are counted by.
    pub per: Per,
    /// How many keys are remembered at most, where keys are counted apart. The least useful goes first.
    pub keys: NonZeroU32,
}

impl RateLimitSpec {
    /// How many keys are remembered unless said otherwise.
    pub const KEYS: NonZeroU32 = NonZeroU32::new(65_536).unwrap();

    /// This rate for all calls together, with a burst of a second's worth (at least 1).
    pub fn new(rate: Rate) -> Self {
        let second = rate.per_second().ceil().clamp(1.0, f64::from(u32::MAX)) as u32;
        let burst = Burst::try_from(second).unwrap_or(Burst::ONE);
        Self { rate, burst, per: Per::All, keys: Self::KEYS }
    }
}
