//! The error of a call.

use super::Origin;
use crate::{Kind, Problem};
use http::StatusCode;
use plimsoll_policy::{Failure, Limit, Reason, RejectedError};
use std::{sync::Arc, time::Duration};

/// The cause of an error. Shared, since the participants of a shared call share its error.
pub(super) type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// The error of a call without a response, or with an unexpected one.
///
/// It is cheap to clone. `Display` names the origin, never a path, a query or a password; the cause is the
/// [source](std::error::Error::source). As a [`Problem`] it hides the origin and the cause from this service's own
/// callers.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A machine of the policy refused it: nothing was sent.
    #[error(transparent)]
    Rejected(#[from] RejectedError),
    /// A limit of the timeout matrix ran out.
    #[error("the {} limit of a call to {origin} ran out", limit.name())]
    TimedOut {
        /// The limit.
        limit: Limit,
        /// The origin of the request.
        origin: Origin,
    },
    /// No connection could be made.
    #[error("no connection to {origin}")]
    Connect {
        /// The origin of the request.
        origin: Origin,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The connection broke, before or within the response, or the response was malformed.
    #[error("the exchange with {origin} broke")]
    Broken {
        /// The origin of the request.
        origin: Origin,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The response's status is not 2xx, where one is required.
    #[error("{origin} responded with {status}")]
    Status {
        /// The response's status.
        status: StatusCode,
        /// The origin of the response.
        origin: Origin,
    },
    /// The request's own body failed.
    #[error("the body of a request to {origin} failed")]
    Body {
        /// The origin of the request.
        origin: Origin,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The response's body is larger than the limit.
    #[error("{origin} responded with more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
        /// The origin of the response.
        origin: Origin,
    },
    /// The response's body could not be decoded.
    #[error("the response of {origin} could not be read")]
    Decode {
        /// The origin of the response.
        origin: Origin,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The request cannot be sent by this client: a mistake of the caller.
    #[error("the request cannot be sent: {0}")]
    Request(#[from] RequestError),
}

/// The reason why a client cannot send a request. It does not quote the target.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The target is no URI.
    #[error("the target is neither a path nor a URI")]
    Target,
    /// The target is a path, and the client has no origin of its own.
    #[error("a path alone, for a client that has no origin")]
    NoOrigin,
    /// The target's host is not one of this client's.
    #[error("this client does not go to {0}")]
    Elsewhere(Origin),
    /// The target has no valid origin.
    #[error(transparent)]
    Origin(#[from] super::OriginError),
    /// A header's name or value is malformed.
    #[error("the header {0:?} is malformed")]
    Header(String),
    /// The body could not be written.
    #[error("the body cannot be written as {0}")]
    Encode(&'static str),
}

impl Error {
    /// The policy refused it: nothing was sent.
    pub const fn rejected(&self) -> Option<&RejectedError> {
        if let Self::Rejected(rejected) = self { Some(rejected) } else { None }
    }

    /// Returns how long a worker of a queue should wait before it calls the peer again: the wait of the machine that
    /// refused the call, or a second without one. `None` if the call was not refused, since then it was sent.
    ///
    /// A refusal is no attempt: nothing was sent. A worker puts its item back without counting a try, and takes no
    /// other before this time is over; otherwise it would fail one item after the other.
    pub fn leave_alone_for(&self) -> Option<Duration> {
        let rejected = self.rejected().filter(|rejected| rejected.reason != Reason::DeadlineExceeded)?;
        Some(rejected.retry_after.unwrap_or(Duration::from_secs(1)))
    }

    /// Returns the limit that ran out, if one did: one of the policy's, or the caller's deadline.
    pub const fn timed_out(&self) -> Option<Limit> {
        match self {
            Self::TimedOut { limit, .. } => Some(*limit),
            Self::Rejected(RejectedError { reason: Reason::DeadlineExceeded, .. }) => Some(Limit::Total),
            _ => None,
        }
    }

    /// Returns the status of a response that was not 2xx.
    pub const fn status(&self) -> Option<StatusCode> {
        if let Self::Status { status, .. } = self { Some(*status) } else { None }
    }

    /// Returns whether a machine of the policy refused it.
    pub const fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }

    /// Returns whether a limit ran out.
    pub const fn is_timeout(&self) -> bool {
        self.timed_out().is_some()
    }

    /// Returns whether no connection could be made, so that nothing was sent.
    pub const fn is_connect(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::TimedOut { limit: Limit::Connect | Limit::Tls, .. })
    }

    /// Returns whether the response was not what was expected: its status, its size or its content.
    pub const fn is_response(&self) -> bool {
        matches!(self, Self::Status { .. } | Self::TooLarge { .. } | Self::Decode { .. })
    }

    /// Returns whether the request itself was wrong.
    pub const fn is_request(&self) -> bool {
        matches!(self, Self::Request(_) | Self::Body { .. })
    }
}

/// A machine's refusal becomes its own problem, with `Retry-After`. Any other error becomes a failure of the upstream,
/// or an internal one if the request was wrong; the error itself is [inside](Problem::inside), for the log.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = match &error {
            // Its only cause is the limit.
            Error::Rejected(rejected) => return Self::from(*rejected),
            Error::TimedOut { limit, .. } => Self::from(*limit),
            Error::Connect { .. } => Self::from(Failure::Connect),
            Error::Broken { .. } | Error::Status { .. } | Error::TooLarge { .. } | Error::Decode { .. } => {
                Self::from(Failure::Broken)
            }
            Error::Body { .. } | Error::Request(_) => Self::new(Kind::Internal),
        };
        problem.because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_policy::Machine;
    use std::io;

    fn origin() -> Origin {
        "http://ledger.internal".parse().unwrap()
    }

    #[test]
    fn a_refusal_keeps_its_hint_and_the_inside_stays_inside() {
        let open = RejectedError::new(Machine::Breaker, Reason::CircuitOpen).after(Duration::from_secs(3));
        let problem = Problem::from(Error::from(open));
        assert_eq!(
            (problem.kind(), problem.retry_after()),
            (Kind::CircuitOpen, Some(Duration::from_secs(3)))
        );

        let source: Cause = Arc::new(io::Error::other("10.0.0.7:5432 refused admin"));
        let problem = Problem::from(Error::Connect { origin: origin(), source });
        assert_eq!(problem.kind(), Kind::UpstreamUnreachable);
        let shown = String::from_utf8(problem.to_http().into_body().to_vec()).unwrap();
        assert!(!shown.contains("ledger") && !shown.contains("admin"), "{shown}");
        let inside = problem.inside().unwrap();
        assert_eq!(inside.to_string(), "no connection to http://ledger.internal");
        assert_eq!(inside.source().unwrap().to_string(), "10.0.0.7:5432 refused admin");
    }

    #[test]
    fn only_a_refusal_asks_to_be_left_alone() {
        let open = RejectedError::new(Machine::Breaker, Reason::CircuitOpen).after(Duration::from_secs(3));
        assert_eq!(Error::from(open).leave_alone_for(), Some(Duration::from_secs(3)));
        let full = RejectedError::new(Machine::Bulkhead, Reason::QueueFull);
        assert_eq!(Error::from(full).leave_alone_for(), Some(Duration::from_secs(1)));
        let late = RejectedError::new(Machine::Deadline, Reason::DeadlineExceeded);
        assert_eq!(Error::from(late).leave_alone_for(), None, "that is the caller's own time");
        let status = Error::Status { status: StatusCode::BAD_GATEWAY, origin: origin() };
        assert_eq!(status.leave_alone_for(), None);
    }

    #[test]
    fn errors_are_told_apart() {
        let status = Error::Status { status: StatusCode::NOT_FOUND, origin: origin() };
        assert!(status.is_response() && !status.is_timeout());
        assert_eq!(Problem::from(status).status(), StatusCode::BAD_GATEWAY);
        let late = Error::TimedOut { limit: Limit::Connect, origin: origin() };
        assert!(late.is_connect() && late.is_timeout());
        assert_eq!(late.to_string(), "the connect limit of a call to http://ledger.internal ran out");
        assert_eq!(Problem::from(Error::from(RequestError::NoOrigin)).kind(), Kind::Internal);
    }
}
