use crate::{h1, proxy::upload::Broke, why::Why};
use h2::Reason;
use plimsoll::{driver::BodyTimeoutError, policy::Outcome};

/// Why a response broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    #[error("the endpoint's response broke off")]
    Http1(#[source] h1::BodyError),
    #[error("the endpoint's response broke off")]
    Http2(#[source] h2::Error),
    #[error("the client's body broke off while the response was under way")]
    Upload(Broke),
    #[error("the trailers of the endpoint's response are too large")]
    TrailersTooLarge,
    #[error("a limit ran out while the response was under way")]
    TimedOut(BodyTimeoutError),
    #[error("the client took too little for too long")]
    Stuck,
}

impl DownloadError {
    /// In one word.
    pub(crate) fn why(&self) -> Why {
        match self {
            Self::Http1(h1::BodyError::Upload) => Why::ClientBroke,
            Self::Http1(
                h1::BodyError::TooLarge | h1::BodyError::Chunk(h1::ChunkedError::TrailerTooLarge),
            )
            | Self::TrailersTooLarge => Why::UpstreamTooLarge,
            Self::Upload(broke) => broke.why(),
            Self::Http1(_) | Self::Http2(_) => Why::UpstreamBroke,
            Self::TimedOut(timeout) if timeout.outcome == Outcome::Caller => Why::ClientSlow,
            Self::TimedOut(timeout) => Why::Timeout(timeout.limit),
            Self::Stuck => Why::ClientSlow,
        }
    }

    /// Whether it is no failure of the endpoint's: a limit of ours on what it may send, or the client's own body, which
    /// was still being sent.
    pub(super) fn is_not_the_peers(&self) -> bool {
        matches!(
            self,
            Self::Http1(
                h1::BodyError::Upload
                    | h1::BodyError::TooLarge
                    | h1::BodyError::Chunk(h1::ChunkedError::TrailerTooLarge)
            ) | Self::TrailersTooLarge
                | Self::Upload(_)
        )
    }

    /// By which the stream of an HTTP/2 client is reset: what an endpoint said of its own, where that cannot be taken for
    /// a stream that was never looked at, or for one that ended well.
    pub(crate) fn reason(&self) -> Reason {
        let theirs = match self {
            Self::Http2(error) => error.reason(),
            _ => None,
        };
        theirs
            .filter(|reason| !matches!(*reason, Reason::NO_ERROR | Reason::REFUSED_STREAM))
            .unwrap_or(Reason::INTERNAL_ERROR)
    }

    /// Whether what follows the endpoint's response is larger than is taken.
    pub(crate) fn is_trailer_too_large(&self) -> bool {
        matches!(
            self,
            Self::TrailersTooLarge | Self::Http1(h1::BodyError::Chunk(h1::ChunkedError::TrailerTooLarge))
        )
    }
}
