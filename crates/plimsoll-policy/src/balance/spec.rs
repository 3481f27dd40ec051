use std::num::NonZeroU16;

/// How an endpoint is chosen.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Balance {
    /// Of two drawn, the one with the lower latency estimate times load.
    #[default]
    PeakEwma,
    /// One after the other.
    RoundRobin,
    /// The one with the fewest calls in flight, of all.
    LeastInFlight,
    /// The same endpoint for the same value of a request header, within bounded load.
    HashHeader {
        /// The header's name in lower case.
        name: Box<str>,
        /// Part of every hash. Processes that are to agree on the endpoint of a key have the same seed;
        /// [`DEFAULT_SEED`] unless set.
        seed: u32,
    },
}

/// The seed of a hash balance that names none. Fixed, so that two processes agree without being told to.
pub const DEFAULT_SEED: u32 = 0;

impl Balance {
    /// Balances by the hash of this header (name in lower case), with the default seed.
    pub fn hash_header(name: impl Into<Box<str>>) -> Self {
        Self::HashHeader { name: name.into(), seed: DEFAULT_SEED }
    }

    /// Returns whether the choice follows a key.
    pub const fn is_hash(&self) -> bool {
        matches!(self, Self::HashHeader { .. })
    }
}

/// How much an endpoint takes, relative to the others of its set: from 1 to 1000.
///
/// ```
/// # use plimsoll_policy::balance::Weight;
/// assert_eq!(Weight::new(3).map(Weight::get), Some(3));
/// assert!(Weight::new(0).is_none() && Weight::new(1001).is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Weight(NonZeroU16);

impl Weight {
    /// The weight of an endpoint that states none.
    pub const ONE: Self = Self(NonZeroU16::MIN);
    /// The highest weight.
    pub const MAX: u16 = 1000;

    /// `None` outside 1 to [`Self::MAX`].
    pub const fn new(weight: u16) -> Option<Self> {
        match NonZeroU16::new(weight) {
            Some(weight) if weight.get() <= Self::MAX => Some(Self(weight)),
            _ => None,
        }
    }

    /// From 1 to [`Self::MAX`].
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

/// An endpoint as its set is written: a name and a weight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member<'a> {
    /// The endpoint's name across reloads and processes, such as its address. Unique within a set.
    pub name: &'a str,
    /// How much it takes, relative to the others.
    pub weight: Weight,
}

impl<'a> Member<'a> {
    /// A member of weight 1.
    pub const fn new(name: &'a str) -> Self {
        Self { name, weight: Weight::ONE }
    }

    /// The same with this weight.
    #[must_use]
    pub const fn weighing(mut self, weight: Weight) -> Self {
        self.weight = weight;
        self
    }
}
