//! Why a call brought no response, or not the one that was wanted.

use super::Origin;
use crate::{Kind, Problem};
use http::StatusCode;
use plimsoll_policy::{Failure, Limit, Reason, RejectedError};
use std::{sync::Arc, time::Duration};

/// The cause of an error. Shared, since callers of one flight share its error.
pub(super) type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Why a call brought no response, or not the one that was wanted.
///
/// Cheap to clone. `Display` names the origin, never a path, a query or a password; what lies behind is the
/// [source](std::error::Error::source). As a [`Problem`] it is one of ours: a caller of this service is told neither whom
/// we asked nor why it failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A machine of the policy refused it: nothing was sent.
    #[error(transparent)]
    Rejected(#[from] RejectedError),
    /// A limit of the timeout matrix ran out.
    #[error("the {} limit of a call to {origin} ran out", limit.name())]
    TimedOut {
        /// Which one.
        limit: Limit,
        /// The origin of the request.
        origin: Origin,
    },
    /// No connection came about.
    #[error("no connection to {origin}")]
    Connect {
        /// The origin of the request.
        origin: Origin,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The connection broke, before the response or within it, or what came made no sense.
    #[error("the exchange with {origin} broke")]
    Broken {
        /// The origin of the request.
        origin: Origin,
        /// Why.
        #[source]
        source: Cause,
    },
    /// It was answered, and not with a 2xx where one was needed.
    #[error("{origin} answered {status}")]
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
        /// Why.
        #[source]
        source: Cause,
    },
    /// The response's body is larger than is taken.
    #[error("{origin} answered with more than {limit} bytes")]
    TooLarge {
        /// The most bytes that are taken.
        limit: usize,
        /// The origin of the response.
        origin: Origin,
    },
    /// The response's body is not what was expected.
    #[error("the answer of {origin} could not be read")]
    Decode {
        /// The origin of the response.
        origin: Origin,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The request cannot be sent by this client: our own mistake.
    #[error("the request cannot be sent: {0}")]
    Request(#[from] RequestError),
}

/// Why a request cannot be sent by a client. Does not quote its target.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The target is no URI.
    #[error("the target is neither a path nor a URI")]
    Target,
    /// The target is a path, and the client has no origin of its own.
    #[error("a path alone, for a client that has no origin")]
    NoOrigin,
    /// The target is elsewhere than this client goes.
    #[error("this client does not go to {0}")]
    Elsewhere(Origin),
    /// The target's origin is none.
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

    /// How long whoever works through a queue should leave the peer alone: the hint of the machine that refused the call, or
    /// a second where it has none. `None` where the call was not refused, for then the peer was asked.
    ///
    /// A refusal is no attempt: nothing was sent. A worker gives back what it has taken from its queue without counting a
    /// try, and takes no more before this time is over; else it works the queue into the wall, item by item.
    pub fn leave_alone_for(&self) -> Option<Duration> {
        let rejected = self.rejected().filter(|rejected| rejected.reason != Reason::DeadlineExceeded)?;
        Some(rejected.retry_after.unwrap_or(Duration::from_secs(1)))
    }

    /// The limit that ran out, if one did: one of the policy's, or the caller's deadline.
    pub const fn timed_out(&self) -> Option<Limit> {
        match self {
            Self::TimedOut { limit, .. } => Some(*limit),
            Self::Rejected(RejectedError { reason: Reason::DeadlineExceeded, .. }) => Some(Limit::Total),
            _ => None,
        }
    }

    /// The status of a response that was no 2xx.
    pub const fn status(&self) -> Option<StatusCode> {
        if let Self::Status { status, .. } = self { Some(*status) } else { None }
    }

    /// Whether a machine of the policy refused it.
    pub const fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }

    /// Whether a limit ran out.
    pub const fn is_timeout(&self) -> bool {
        self.timed_out().is_some()
    }

    /// Whether no connection came about, so that nothing was sent.
    pub const fn is_connect(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::TimedOut { limit: Limit::Connect | Limit::Tls, .. })
    }

    /// Whether the response was not what was expected: its status, its size or its content.
    pub const fn is_answer(&self) -> bool {
        matches!(self, Self::Status { .. } | Self::TooLarge { .. } | Self::Decode { .. })
    }

    /// Whether the request itself was wrong.
    pub const fn is_request(&self) -> bool {
        matches!(self, Self::Request(_) | Self::Body { .. })
    }
}

/// A machine's refusal is told as it is, with its `Retry-After`; everything else is the upstream's failure, or ours where
/// the request was wrong, and the error itself goes [inside](Problem::inside), for the log.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = match &error {
            // It has no cause but the limit that did its work.
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
        assert!(status.is_answer() && !status.is_timeout());
        assert_eq!(Problem::from(status).status(), StatusCode::BAD_GATEWAY);
        let late = Error::TimedOut { limit: Limit::Connect, origin: origin() };
        assert!(late.is_connect() && late.is_timeout());
        assert_eq!(late.to_string(), "the connect limit of a call to http://ledger.internal ran out");
        assert_eq!(Problem::from(Error::from(RequestError::NoOrigin)).kind(), Kind::Internal);
    }
}
