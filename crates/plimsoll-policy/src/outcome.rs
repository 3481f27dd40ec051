//! The outcomes of calls and attempts, as all machines use them.

use std::{fmt, time::Duration};

/// How an attempt ended, as far as the machines care.
///
/// "Slow" is no outcome: each breaker holds the duration against its own threshold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The peer did what was asked (or said correctly that it will not: 4xx).
    Success,
    /// The peer, or the way to it, failed.
    Failure(Failure),
    /// The peer asked us to send less (429, `RESOURCE_EXHAUSTED`): a failure for a client throttle and for adaptive
    /// concurrency, for breaker and ejection neither success nor failure.
    Throttled,
    /// Nobody waited for the end: says nothing about the peer.
    Cancelled,
    /// The caller's side failed or was too slow: its request's body broke off, or it stopped reading the response. Says
    /// nothing about the peer.
    Caller,
    /// Our own lack (descriptors, ports, memory, a name that could not be looked up, a limit of ours on what a peer may
    /// send). Says nothing about the peer.
    Local,
}

impl Outcome {
    /// Whether it counts against the peer.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failure(_))
    }

    /// Whether it says anything about the peer at all: a machine learns only what its peer did.
    pub const fn is_about_peer(self) -> bool {
        matches!(self, Self::Success | Self::Failure(_) | Self::Throttled)
    }
}

/// In what way it failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Failure {
    /// No connection came about: refused, unreachable, TLS failed.
    Connect,
    /// The connection broke, or what came over it made no sense.
    Broken,
    /// A limit of ours ran out.
    Timeout,
    /// The peer's response reports a failure (5xx and the like).
    Response,
}

/// Why an attempt might be made again: matched against the policy's `on` list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// No connection came about.
    Connect,
    /// The connection broke before a response.
    Reset,
    /// The attempt ran into one of its limits.
    Timeout,
    /// The peer responded with this HTTP status.
    Status(u16),
    /// The user's own classification, or the peer itself (gRPC's pushback), asks for it.
    Other,
}

/// A driver's report on an attempt that has ended, or whose response's head has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// The outcome that the machines record.
    pub outcome: Outcome,
    /// Under which heading a retry would run; `None`: not to be made again.
    pub cause: Option<Cause>,
    /// The peer provably never acted on it (connection refused, HTTP/2 `REFUSED_STREAM`), so that sending it again is
    /// safe whatever its method.
    pub untouched: bool,
    /// The peer's `Retry-After`. A driver with other endpoints at hand keeps it to itself, since it binds that one alone.
    pub retry_after: Option<Duration>,
    /// A good head whose outcome follows in the trailers (gRPC): it lets a probe pass and its latency
    /// counts, but it ends no row of failures.
    pub provisional: bool,
}

impl Settlement {
    /// It went well.
    pub const SUCCESS: Self = Self {
        outcome: Outcome::Success,
        cause: None,
        untouched: false,
        retry_after: None,
        provisional: false,
    };
    /// Nobody waited for it.
    pub const CANCELLED: Self = Self { outcome: Outcome::Cancelled, ..Self::SUCCESS };

    /// The caller's side failed: its body broke off, or it was too slow.
    pub const CALLER: Self = Self { outcome: Outcome::Caller, ..Self::SUCCESS };

    /// It failed in this way.
    pub const fn failure(failure: Failure) -> Self {
        let cause = match failure {
            Failure::Connect => Some(Cause::Connect),
            Failure::Broken => Some(Cause::Reset),
            Failure::Timeout => Some(Cause::Timeout),
            Failure::Response => None,
        };
        let untouched = matches!(failure, Failure::Connect);
        Self { outcome: Outcome::Failure(failure), cause, untouched, ..Self::SUCCESS }
    }
}

/// The machines, by name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum Machine {
    /// Load shedding.
    Shed,
    /// The rate limit.
    RateLimit,
    /// The deadline of the call.
    Deadline,
    /// Retries and their budget.
    Retry,
    /// Hedges and their budget.
    Hedge,
    /// Client-side throttling.
    Throttle,
    /// The circuit breaker.
    Breaker,
    /// The bulkhead.
    Bulkhead,
    /// The adaptive concurrency limit.
    Concurrency,
    /// The choice of an endpoint: none could be had.
    Balance,
}

impl Machine {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 10] = [
        Self::Shed,
        Self::RateLimit,
        Self::Deadline,
        Self::Retry,
        Self::Hedge,
        Self::Throttle,
        Self::Breaker,
        Self::Bulkhead,
        Self::Concurrency,
        Self::Balance,
    ];

    /// The name as in the policy file and as a metric's label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shed => "shed",
            Self::RateLimit => "rate-limit",
            Self::Deadline => "deadline",
            Self::Retry => "retry",
            Self::Hedge => "hedge",
            Self::Throttle => "throttle",
            Self::Breaker => "breaker",
            Self::Bulkhead => "bulkhead",
            Self::Concurrency => "concurrency",
            Self::Balance => "balance",
        }
    }
}

/// Why a machine said no.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum Reason {
    /// The rate is used up.
    RateExceeded,
    /// The breaker is open.
    CircuitOpen,
    /// The breaker is half-open and its probes are out.
    ProbesTaken,
    /// Forced open or isolated by hand.
    Isolated,
    /// In flight and waiting are both full.
    QueueFull,
    /// The longest wait is over.
    WaitTimedOut,
    /// Queues have been standing for too long.
    Overloaded,
    /// The peer turns so much away that asking is waste.
    Throttled,
    /// The deadline has passed, or would before anything came of it.
    DeadlineExceeded,
    /// No endpoint is there to try.
    NoEndpoint,
}

impl Reason {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 10] = [
        Self::RateExceeded,
        Self::CircuitOpen,
        Self::ProbesTaken,
        Self::Isolated,
        Self::QueueFull,
        Self::WaitTimedOut,
        Self::Overloaded,
        Self::Throttled,
        Self::DeadlineExceeded,
        Self::NoEndpoint,
    ];

    /// A metric's label for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RateExceeded => "rate-exceeded",
            Self::CircuitOpen => "circuit-open",
            Self::ProbesTaken => "probes-taken",
            Self::Isolated => "isolated",
            Self::QueueFull => "queue-full",
            Self::WaitTimedOut => "wait-timed-out",
            Self::Overloaded => "overloaded",
            Self::Throttled => "throttled",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::NoEndpoint => "no-endpoint",
        }
    }
}

/// A call, or an attempt of it, was not let through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("rejected by {}: {}{}", by.name(), reason.name(), Later(*retry_after))]
pub struct RejectedError {
    /// Which machine said no.
    pub by: Machine,
    /// Why.
    pub reason: Reason,
    /// When asking again could go better, counted from now; `None` where nobody knows.
    pub retry_after: Option<Duration>,
}

impl RejectedError {
    /// A rejection without a hint of when to come back.
    pub const fn new(by: Machine, reason: Reason) -> Self {
        Self { by, reason, retry_after: None }
    }

    /// The same with the hint.
    #[must_use]
    pub const fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

struct Later(Option<Duration>);

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |wait| write!(f, ", try again in {wait:?}"))
    }
}

/// The limits of the timeout matrix, by name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Limit {
    /// Until a connection stands.
    Connect,
    /// From there until TLS is agreed on.
    Tls,
    /// From the request's last byte to the response's head.
    FirstByte,
    /// One attempt, up to the response's head.
    Attempt,
    /// Between two bytes of a body, either way.
    Idle,
    /// The whole call: waiting, every attempt, both bodies.
    Total,
}

impl Limit {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 6] =
        [Self::Connect, Self::Tls, Self::FirstByte, Self::Attempt, Self::Idle, Self::Total];

    /// The key in the policy file, and a metric's label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstByte => "first-byte",
            Self::Attempt => "attempt",
            Self::Idle => "idle",
            Self::Total => "total",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_says_who_why_and_when() {
        let rejected =
            RejectedError::new(Machine::RateLimit, Reason::RateExceeded).after(Duration::from_millis(250));
        assert_eq!(rejected.to_string(), "rejected by rate-limit: rate-exceeded, try again in 250ms");
        assert_eq!(
            RejectedError::new(Machine::Breaker, Reason::CircuitOpen).to_string(),
            "rejected by breaker: circuit-open"
        );
    }

    #[test]
    fn tables_follow_the_discriminants() {
        assert!(Machine::ALL.iter().enumerate().all(|(at, machine)| *machine as usize == at));
        assert!(Reason::ALL.iter().enumerate().all(|(at, reason)| *reason as usize == at));
        assert!(Limit::ALL.iter().enumerate().all(|(at, limit)| *limit as usize == at));
    }
}
