//! How an attempt can fail.

use crate::h1::client::{SendError, SendFault};
use plimsoll::{
    Cause, Failure, Limit, Outcome, Settlement,
    http::{Kind, Problem},
};
use std::io;

use super::UploadError;

/// Why an attempt brought no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// No endpoint is healthy.
    #[error("no endpoint is available")]
    NoEndpoint,
    /// No connection came about.
    #[error("no connection to the endpoint")]
    Connect(#[source] io::Error),
    /// The exchange broke.
    #[error("the exchange with the endpoint failed")]
    Send(#[source] SendError<UploadError>),
    /// The exchange over HTTP/2 broke; `untouched`: the peer says that it has not looked at the request.
    #[error("the exchange with the endpoint failed")]
    Http2 {
        /// What hyper says.
        #[source]
        error: hyper::Error,
        /// It provably did nothing.
        untouched: bool,
    },
}

impl Fault {
    /// What the policy learns of it.
    pub(crate) fn settlement(&self) -> Settlement {
        match self {
            // Nothing was asked, so nothing is learnt of anybody.
            Self::NoEndpoint => Settlement::CANCELLED,
            Self::Connect(_) => Settlement::failure(Failure::Connect),
            // The client broke off, or broke its word: no fault of the endpoint's.
            Self::Send(SendError { fault: SendFault::Body(_) | SendFault::Length, .. }) => {
                Settlement::CANCELLED
            }
            Self::Send(error) => {
                Settlement { untouched: !error.wrote, ..Settlement::failure(Failure::Broken) }
            }
            Self::Http2 { untouched, .. } => Settlement {
                untouched: *untouched,
                cause: Some(Cause::Reset),
                ..Settlement::failure(Failure::Broken)
            },
        }
    }

    /// What the client is told.
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::NoEndpoint => Problem::new(Kind::NoEndpoint),
            Self::Send(SendError { fault: SendFault::Body(UploadError::Client(error)), .. }) => {
                if error.is_trailer_too_large() {
                    return Problem::new(Kind::HeadTooLarge).detail("the request's trailers are too large");
                }
                Problem::new(Kind::BadRequest).detail("the request's body broke off or is malformed")
            }
            Self::Send(SendError { fault: SendFault::Body(UploadError::TooLarge), .. }) => {
                Problem::new(Kind::BodyTooLarge)
            }
            other => match other.settlement().outcome {
                Outcome::Failure(failure) => Problem::from(failure).because(other),
                _ => Problem::new(Kind::BadRequest).because(other),
            },
        }
    }
}

/// The problem of a limit that ran out.
pub(crate) fn timed_out(limit: Limit) -> Problem {
    Problem::from(limit)
}
