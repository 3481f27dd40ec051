use crate::Instant;

/// Why an endpoint stands out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum EjectionReason {
    /// Too many failures in a row.
    ConsecutiveFailures,
    /// A success rate far below the others'.
    SuccessRate,
    /// Too large a part of a sweep's requests failed.
    FailurePercentage,
}

impl EjectionReason {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 3] = [Self::ConsecutiveFailures, Self::SuccessRate, Self::FailurePercentage];

    /// A metric's label for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures => "consecutive-failures",
            Self::SuccessRate => "success-rate",
            Self::FailurePercentage => "failure-percentage",
        }
    }
}

/// An endpoint was ejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ejected {
    /// Its index.
    pub endpoint: u32,
    /// When it is back.
    pub until: Instant,
    /// For the how-manieth time, less what it has lived down since.
    pub times: u32,
    /// Why.
    pub reason: EjectionReason,
}

/// What kept an endpoint in that stands out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum WithheldBecause {
    /// There is no other, or every other one is out.
    LastEndpoint,
    /// As many are out as may be.
    AtMost,
}

impl WithheldBecause {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 2] = [Self::LastEndpoint, Self::AtMost];

    /// A metric's label for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LastEndpoint => "last-endpoint",
            Self::AtMost => "at-most",
        }
    }
}

/// An endpoint would have been ejected, and was not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Withheld {
    /// Its index.
    pub endpoint: u32,
    /// Why it would have been.
    pub reason: EjectionReason,
    /// Why it was not.
    pub because: WithheldBecause,
}

/// What came of an endpoint that stands out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is out.
    Ejected(Ejected),
    /// It would be, but for a bound.
    Withheld(Withheld),
}
