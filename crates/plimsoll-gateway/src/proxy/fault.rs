//! How an attempt can fail.

use super::upload::{Broke, UploadError};
use crate::{
    h1::client::{SendError, SendErrorKind},
    upstream::connect::ConnectError,
    why::Why,
};
use plimsoll::{
    driver::classify,
    http::{Kind, Problem, http2::is_untouched},
    policy::{Cause, Failure, Outcome, Settlement},
};
use std::io;

/// Why an attempt brought no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// No connection came about.
    #[error("no connection to the endpoint")]
    Connect(#[source] io::Error),
    /// The most connections to the endpoint that may be made are there, and have no room for another stream.
    #[error("no stream to the endpoint was free in time")]
    Full,
    /// The exchange broke.
    #[error("the exchange with the endpoint failed")]
    Send(#[source] SendError<UploadError>),
    /// The client's body broke off while another task sent it.
    #[error("the client's body broke off")]
    Upload(Broke),
    /// The response's head over HTTP/2 is larger than is taken.
    #[error("the head of the endpoint's response is too large")]
    HeadTooLarge,
    /// The connection over HTTP/2 ended before the request was sent.
    #[error("the connection to the endpoint has ended")]
    Unsent(#[source] h2::Error),
    /// The exchange over HTTP/2 broke.
    #[error("the exchange with the endpoint failed")]
    Http2(#[source] h2::Error),
}

impl From<ConnectError> for Fault {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Failed(error) => Self::Connect(error),
            ConnectError::Full => Self::Full,
        }
    }
}

impl Fault {
    /// Returns the failure as the policy sees it.
    pub(crate) fn settlement(&self) -> Settlement {
        match self {
            Self::Connect(error) => classify::connect(error),
            // The client broke off, or broke its word: no fault of the endpoint's.
            Self::Upload(_)
            | Self::Send(SendError { kind: SendErrorKind::Body(_) | SendErrorKind::Length, .. }) => {
                Settlement::CALLER
            }
            // It may be a good response, only larger than we take.
            Self::HeadTooLarge | Self::Full => Settlement { outcome: Outcome::Local, ..Settlement::SUCCESS },
            Self::Send(SendError { kind: SendErrorKind::Malformed(error), .. }) if error.is_our_limit() => {
                Settlement { outcome: Outcome::Local, ..Settlement::SUCCESS }
            }
            Self::Send(error) => {
                Settlement { untouched: !error.wrote, ..Settlement::failure(Failure::Broken) }
            }
            Self::Unsent(_) => Settlement {
                untouched: true,
                cause: Some(Cause::Reset),
                ..Settlement::failure(Failure::Broken)
            },
            Self::Http2(error) => Settlement {
                untouched: is_untouched(error),
                cause: Some(Cause::Reset),
                ..Settlement::failure(Failure::Broken)
            },
        }
    }

    /// Why the client's own body broke off, if that was it.
    fn upload(&self) -> Option<Broke> {
        match self {
            Self::Upload(broke) => Some(*broke),
            Self::Send(SendError { kind: SendErrorKind::Body(error), .. }) => Some(Broke::by(error)),
            _ => None,
        }
    }

    /// Whether the client sent its body too slowly.
    pub(crate) fn is_slow_client(&self) -> bool {
        self.upload() == Some(Broke::TooSlow)
    }

    /// In one word.
    pub(crate) fn why(&self) -> Why {
        if let Some(broke) = self.upload() {
            return broke.why();
        }
        match self {
            Self::Connect(error) => refusal(error),
            Self::Full => Why::UpstreamFull,
            Self::HeadTooLarge => Why::UpstreamTooLarge,
            Self::Unsent(_) => Why::UpstreamClosed,
            Self::Http2(_) => Why::UpstreamReset,
            Self::Send(SendError { kind, .. }) => match kind {
                SendErrorKind::Closed(Some(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                    Why::UpstreamReset
                }
                SendErrorKind::Closed(_) | SendErrorKind::Truncated => Why::UpstreamClosed,
                SendErrorKind::Io(_) => Why::UpstreamReset,
                SendErrorKind::Malformed(error) if error.is_our_limit() => Why::UpstreamTooLarge,
                SendErrorKind::Malformed(_) => Why::UpstreamMalformed,
                SendErrorKind::Body(_) | SendErrorKind::Length => Why::ClientBroke,
            },
            Self::Upload(_) => Why::ClientBroke,
        }
    }

    /// Returns the problem of the response.
    pub(crate) fn problem(self) -> Problem {
        if let Some(broke) = self.upload() {
            return broken_upload(broke);
        }
        match self {
            Self::Full => Problem::new(Kind::Overloaded).because(self),
            Self::Connect(error) if classify::is_exhaustion(&error) => {
                Problem::new(Kind::Overloaded).because(Self::Connect(error))
            }
            Self::Connect(error) => Problem::from(Failure::Connect).because(Self::Connect(error)),
            Self::HeadTooLarge => Problem::new(Kind::UpstreamHeadTooLarge).because(self),
            Self::Send(SendError { kind: SendErrorKind::Malformed(error), .. }) if error.is_our_limit() => {
                Problem::new(Kind::UpstreamHeadTooLarge).because(self)
            }
            other => match other.settlement().outcome {
                Outcome::Failure(failure) => Problem::from(failure).because(other),
                Outcome::Local => Problem::from(Failure::Broken).because(other),
                _ => Problem::new(Kind::BadRequest).because(other),
            },
        }
    }
}

/// Why no connection came about.
fn refusal(error: &io::Error) -> Why {
    let unresolved =
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<classify::ResolveError>);
    match error.kind() {
        _ if unresolved => Why::UpstreamUnresolved,
        _ if classify::is_exhaustion(error) => Why::NoResources,
        io::ErrorKind::ConnectionRefused => Why::UpstreamRefused,
        _ => Why::UpstreamUnreachable,
    }
}

fn broken_upload(broke: Broke) -> Problem {
    match broke {
        Broke::TooLarge => Problem::new(Kind::BodyTooLarge),
        Broke::TrailersTooLarge => {
            Problem::new(Kind::HeadTooLarge).detail("the request's trailers are too large")
        }
        Broke::TooSlow => Problem::new(Kind::RequestTimeout).detail("the request's body came too slowly"),
        Broke::Malformed => {
            Problem::new(Kind::BadRequest).detail("the request's body broke off or is malformed")
        }
        Broke::Replay => Problem::new(Kind::BadRequest),
    }
}
