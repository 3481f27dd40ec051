//! The outcomes of calls and attempts, as all machines use them.

use std::{fmt, time::Duration};

/// The outcome of an attempt, as the machines record it.
///
/// "Slow" is not an outcome: each breaker compares the duration with its own threshold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The peer processed the request, or refused it correctly (4xx).
    Success,
    /// The peer, or the network path to it, failed.
    Failure(Failure),
    /// The peer asked the client to send less (429, `RESOURCE_EXHAUSTED`). Client throttling and adaptive concurrency
    /// count it as a failure; breaker and ejection count it neither as a success nor as a failure.
    Throttled,
    /// The caller stopped waiting. Says nothing about the peer.
    Cancelled,
    /// The caller failed or was too slow: its request body broke off, or it stopped reading the response. Says nothing
    /// about the peer.
    Caller,
    /// This process ran out of something (descriptors, ports, memory), could not resolve a name, or applied its own
    /// limit on what a peer may send. Says nothing about the peer.
    Local,
}

impl Outcome {
    /// Returns whether this outcome counts against the peer.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failure(_))
    }

    /// Returns whether this outcome says anything about the peer. Machines record only those that do.
    pub const fn is_about_peer(self) -> bool {
        matches!(self, Self::Success | Self::Failure(_) | Self::Throttled)
    }
}

/// The kind of a failure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Failure {
    /// The connection could not be established: refused, unreachable, or TLS failed.
    Connect,
    /// The connection broke, or the peer violated the protocol.
    Broken,
    /// A timeout of this side passed.
    Timeout,
    /// The peer's response reports a failure (5xx and the like).
    Response,
}

/// The reason for which an attempt may be retried, matched against the policy's `on` list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// The connection could not be established.
    Connect,
    /// The connection broke before a response.
    Reset,
    /// The attempt exceeded one of its timeouts.
    Timeout,
    /// The peer responded with this HTTP status.
    Status(u16),
    /// The user's own classifier requested the retry, or the peer did (gRPC's pushback).
    Other,
}

/// A driver's report on an attempt that has ended, or whose response's head has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// The outcome that the machines record.
    pub outcome: Outcome,
    /// The reason under which a retry would be made. `None`: the attempt must not be retried.
    pub cause: Option<Cause>,
    /// True if the peer certainly did not process the request (connection refused, HTTP/2 `REFUSED_STREAM`). Sending it
    /// again is then safe for any method.
    pub untouched: bool,
    /// The peer's `Retry-After`. A driver that can try another endpoint leaves it out, since it applies to this one
    /// only.
    pub retry_after: Option<Duration>,
    /// A good head whose outcome follows in the trailers (gRPC). It completes a probe and its latency counts, but it
    /// does not end a run of failures.
    pub provisional: bool,
}

impl Settlement {
    /// Returns the report of a success.
    pub const SUCCESS: Self = Self {
        outcome: Outcome::Success,
        cause: None,
        untouched: false,
        retry_after: None,
        provisional: false,
    };
    /// Returns the report of a cancelled attempt.
    pub const CANCELLED: Self = Self { outcome: Outcome::Cancelled, ..Self::SUCCESS };

    /// Returns the report of an attempt that the caller failed: its body broke off, or it was too slow.
    pub const CALLER: Self = Self { outcome: Outcome::Caller, ..Self::SUCCESS };

    /// Returns the report of a failure of this kind.
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
    /// The choice of an endpoint: none was available.
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

/// The reason of a rejection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum Reason {
    /// The rate is used up.
    RateExceeded,
    /// The breaker is open.
    CircuitOpen,
    /// The breaker is half-open and all its probes are in flight.
    ProbesTaken,
    /// An operator forced the breaker open or isolated the peer.
    Isolated,
    /// All permits are in use and the queue is full.
    QueueFull,
    /// The call waited in the queue for as long as it may.
    WaitTimedOut,
    /// The queueing delay has been too long for a whole interval.
    Overloaded,
    /// The peer rejects so many requests that another one would most likely be wasted.
    Throttled,
    /// The deadline has passed, or would pass before a response.
    DeadlineExceeded,
    /// There is no endpoint to try.
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

    /// Returns the value of the metric label.
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

/// The rejection of a call or of one attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("rejected by {}: {}{}", by.name(), reason.name(), Later(*retry_after))]
pub struct RejectedError {
    /// The machine that rejected it.
    pub by: Machine,
    /// The reason.
    pub reason: Reason,
    /// The time after which a new try may be admitted, counted from now. `None` if unknown.
    pub retry_after: Option<Duration>,
}

impl RejectedError {
    /// Creates a rejection without a retry time.
    pub const fn new(by: Machine, reason: Reason) -> Self {
        Self { by, reason, retry_after: None }
    }

    /// Sets the time after which a new try may be admitted.
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
    /// Until the connection is established.
    Connect,
    /// From there to the end of the TLS handshake.
    Tls,
    /// From the request's last byte to the response's head.
    FirstByte,
    /// One attempt, up to the response's head.
    Attempt,
    /// Between two bytes of a body, in either direction.
    Idle,
    /// The whole call: waits, all attempts, and both bodies.
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
