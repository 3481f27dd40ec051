use crate::Instant;

/// The reason to eject an endpoint.
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

/// An ejection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ejected {
    /// Its index.
    pub endpoint: u32,
    /// The end of the ejection.
    pub until: Instant,
    /// The number of its ejections, less those that good behaviour has paid off since.
    pub times: u32,
    /// Why.
    pub reason: EjectionReason,
}

/// The bound that kept an endpoint from being ejected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum WithheldBecause {
    /// There is no other endpoint, or every other one is ejected.
    LastEndpoint,
    /// The largest allowed number of endpoints is ejected.
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

/// An ejection that a bound prevented.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Withheld {
    /// Its index.
    pub endpoint: u32,
    /// The reason for the ejection.
    pub reason: EjectionReason,
    /// The bound that prevented it.
    pub because: WithheldBecause,
}

/// The decision about an endpoint that meets a condition for ejection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EjectionDecision {
    /// The endpoint is ejected.
    Ejected(Ejected),
    /// A bound prevents the ejection.
    Withheld(Withheld),
}
