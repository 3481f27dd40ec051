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

    /// Restricts the features to those that work over a plain connection, with a peer that responds and a caller that reads
    /// at once.
    pub(super) fn on_the_wire(self) -> Self {
        let can = [
            Feature::Shed,
            Feature::RateLimit,
            Feature::Throttle,
            Feature::Breaker,
            Feature::Concurrency,
            Feature::Bulkhead,
            Feature::Retry,
            Feature::Hedge,
            Feature::FirstByteLimit,
            Feature::AttemptLimit,
            Feature::IdleLimit,
            Feature::TotalLimit,
            Feature::Unsafe,
            Feature::Failures,
            Feature::Throttled,
            Feature::Hangs,
            Feature::Slow,
            Feature::Bodies,
            Feature::Broken,
            Feature::Leaves,
            Feature::Revision,
            Feature::Rush,
        ];
        Self(self.0 & can.iter().fold(0, |bits, feature| bits | 1_u64 << *feature as u8))
    }

    pub(super) const fn has(self, feature: Feature) -> bool {
        self.0 >> feature as u8 & 1 == 1
    }
}
