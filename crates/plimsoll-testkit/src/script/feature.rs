//! The features of a script: which of them may occur at all is drawn first.

use super::dice::Dice;

/// One kind of machine, property or event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Feature {
    Shed,
    RateLimit,
    Throttle,
    Breaker,
    Concurrency,
    Bulkhead,
    Retry,
    Hedge,
    ConnectLimit,
    TlsLimit,
    FirstByteLimit,
    AttemptLimit,
    IdleLimit,
    TotalLimit,
    Deadline,
    Unsafe,
    OneShot,
    NoTwin,
    Priorities,
    Failures,
    Refusals,
    Throttled,
    RetryAfter,
    Provisional,
    OurLack,
    CallersFault,
    Hangs,
    Slow,
    SlowCaller,
    Bodies,
    Broken,
    Trailers,
    SlowReader,
    Uploading,
    Leaves,
    Outgrown,
    NoEndpoint,
    ByHand,
    Revision,
    Ties,
    Rush,
}

/// Those that may occur in one script.
#[derive(Clone, Copy)]
pub(super) struct Features(u64);

impl Features {
    /// Each with a probability of one half; of an eighth, what refuses so much that little else is left to see.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let rare = [Feature::RateLimit, Feature::Throttle, Feature::OurLack, Feature::CallersFault];
        let rare = rare.iter().fold(0, |bits, feature| bits | 1_u64 << *feature as u8);
        let (all, sieve) = (dice.bits(), dice.bits() & dice.bits());
        Self(all & (sieve | !rare))
    }

    pub(super) const fn has(self, feature: Feature) -> bool {
        self.0 >> feature as u8 & 1 == 1
    }
}
