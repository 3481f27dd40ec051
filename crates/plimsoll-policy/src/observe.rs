//! Events that machines report to an observer.

use crate::{Cause, Instant, Limit, Machine, Outcome, RejectedError};
use std::time::Duration;

/// Hears what the machines of a policy decide. The default, `()`, hears nothing and costs nothing.
///
/// Called on the hot path: an implementation neither blocks nor allocates.
pub trait Observer {
    /// `event` happened at `now`.
    fn on(&self, now: Instant, event: &PolicyEvent);
}

impl Observer for () {
    #[inline(always)]
    fn on(&self, _: Instant, _: &PolicyEvent) {}
}

impl<O: Observer + ?Sized> Observer for std::sync::Arc<O> {
    #[inline]
    fn on(&self, now: Instant, event: &PolicyEvent) {
        (**self).on(now, event);
    }
}

/// Which attempt of a call it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AttemptRole {
    /// The first.
    First,
    /// After another one failed.
    Retry,
    /// While another one was still out.
    Hedge,
}

/// Why a retry or a hedge that seemed due was not made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum DenyReason {
    /// All attempts are used.
    Attempts,
    /// The budget is used up.
    Budget,
    /// Neither idempotent nor provably unsent.
    NotSafe,
    /// The body cannot be sent again.
    NotReplayable,
    /// No time is left before the deadline, or the retry window is over.
    NoTime,
    /// The breaker (or another admission) refused the further attempt.
    Admission,
    /// No endpoint could be had for it: none is there, or for a hedge none but those that are asked already.
    NoEndpoint,
}

impl DenyReason {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 7] = [
        Self::Attempts,
        Self::Budget,
        Self::NotSafe,
        Self::NotReplayable,
        Self::NoTime,
        Self::Admission,
        Self::NoEndpoint,
    ];

    /// A metric's label for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attempts => "attempts",
            Self::Budget => "budget",
            Self::NotSafe => "not-safe",
            Self::NotReplayable => "not-replayable",
            Self::NoTime => "no-time",
            Self::Admission => "admission",
            Self::NoEndpoint => "no-endpoint",
        }
    }
}

/// The breaker's state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum BreakerState {
    /// Calls pass and are counted.
    Closed,
    /// Calls are refused.
    Open,
    /// A few probes pass.
    HalfOpen,
    /// Held closed by hand: calls pass whatever is counted.
    ForcedClosed,
    /// Held open by hand: nothing passes until somebody lifts it.
    ForcedOpen,
    /// Taken out by hand: as forced open, and reported as [`crate::Reason::Isolated`].
    Isolated,
}

impl BreakerState {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 6] =
        [Self::Closed, Self::Open, Self::HalfOpen, Self::ForcedClosed, Self::ForcedOpen, Self::Isolated];

    /// A metric's label for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
            Self::ForcedClosed => "forced-closed",
            Self::ForcedOpen => "forced-open",
            Self::Isolated => "isolated",
        }
    }
}

/// Why a breaker changed its state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum TransitionReason {
    /// The failure ratio reached its threshold.
    FailureRatio,
    /// The slow-call ratio reached its threshold.
    SlowRatio,
    /// Too many failures in a row.
    Consecutive,
    /// The open time was over.
    OpenElapsed,
    /// Enough probes went well.
    ProbesPassed,
    /// A probe failed.
    ProbeFailed,
    /// The longest half-open time was over before the probes had an outcome.
    HalfOpenElapsed,
    /// By hand.
    ByHand,
}

impl TransitionReason {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 8] = [
        Self::FailureRatio,
        Self::SlowRatio,
        Self::Consecutive,
        Self::OpenElapsed,
        Self::ProbesPassed,
        Self::ProbeFailed,
        Self::HalfOpenElapsed,
        Self::ByHand,
    ];

    /// A metric's label for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FailureRatio => "failure-ratio",
            Self::SlowRatio => "slow-ratio",
            Self::Consecutive => "consecutive-failures",
            Self::OpenElapsed => "open-elapsed",
            Self::ProbesPassed => "probes-passed",
            Self::ProbeFailed => "probe-failed",
            Self::HalfOpenElapsed => "half-open-elapsed",
            Self::ByHand => "by-hand",
        }
    }
}

/// A breaker went from one state to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transition {
    /// The state left.
    pub from: BreakerState,
    /// The state entered.
    pub to: BreakerState,
    /// Why.
    pub reason: TransitionReason,
}

/// One decision of a policy's machines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PolicyEvent {
    /// A call began.
    Call,
    /// A call was refused outright, before any attempt or after the last.
    Rejected(RejectedError),
    /// The call, or an attempt of it, waited so long in this machine's queue.
    Waited(Machine, Duration),
    /// An attempt was let through.
    Attempt(AttemptRole),
    /// An attempt's outcome, reported with its response's head or its failure, after this much of the peer's time.
    Settled(AttemptRole, Outcome, Duration),
    /// A retry is due under this heading, after this wait.
    RetryPlanned(Cause, Duration),
    /// A retry that its cause would have allowed is not made.
    RetryDenied(DenyReason),
    /// The hedge's response was used.
    HedgeWon,
    /// The hedge was in flight, and the first attempt's response was used.
    HedgeLost,
    /// A hedge was due and is not made.
    HedgeDenied(DenyReason),
    /// A limit of the timeout matrix ran out.
    TimedOut(Limit),
    /// A limit of the timeout matrix ran out while the caller was waited for: to send its request, or to read.
    CallerTimedOut(Limit),
    /// A response whose head had come ended so afterwards: it broke off, the peer fell silent, the trailers said that
    /// it failed, or the caller did not take it.
    BodyFailed(AttemptRole, Outcome),
    /// The breaker changed its state.
    Breaker(Transition),
    /// The caller left before the end.
    Gone,
}
