use super::error::DownloadError;
use crate::{
    h1,
    http2::{Received, is_too_long},
    proxy::upload::Progress,
    spec::ResponseSpec,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// Where an endpoint's body is read from.
#[derive(Debug)]
pub(crate) enum ResponseSource {
    Http1(h1::Incoming),
    /// With the progress of the request's body, and what is taken of the trailers.
    Http2(Received, Rc<Progress>, ResponseSpec),
}

impl ResponseSource {
    /// Whether the rest of the request is waited for: the endpoint may have nothing to say before it has that.
    pub(crate) fn waits_for_client(&self) -> bool {
        match self {
            Self::Http1(body) => body.waits_for_upload(),
            Self::Http2(_, progress, _) => progress.is_waited_for() && !progress.has_ended(),
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body, ..) => body.is_end_stream(),
        }
    }

    /// The whole of a short body that has come already: afterwards it [is ended](Self::is_ended).
    pub(crate) fn whole(&mut self) -> Option<Bytes> {
        match self {
            Self::Http1(body) => body.take_whole(),
            Self::Http2(..) => None,
        }
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        match self {
            Self::Http1(body) => Pin::new(body).poll_frame(cx).map_err(DownloadError::Http1),
            Self::Http2(body, progress, limits) => {
                let mut polled = Pin::new(body).poll_frame(cx).map_err(|error| match progress.broke() {
                    Some(broke) => DownloadError::Upload(broke),
                    None if is_too_long(&error) => DownloadError::TrailersTooLarge,
                    None => DownloadError::Http2(error),
                });
                if let Poll::Ready(Some(Ok(frame))) = &mut polled
                    && let Some(trailers) = frame.trailers_mut()
                    && !settle_trailers(trailers, limits)
                {
                    return Poll::Ready(Some(Err(DownloadError::TrailersTooLarge)));
                }
                polled
            }
        }
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body, ..) => body.size_hint(),
        }
    }
}

/// Takes off trailers what may not come behind a body. Whether they are within what is taken.
fn settle_trailers(trailers: &mut HeaderMap, limits: &ResponseSpec) -> bool {
    if trailers.len() > limits.fields || h1::semantics::list_size(trailers) > limits.trailers {
        return false;
    }
    let barred: Vec<HeaderName> =
        trailers.keys().filter(|name| h1::semantics::may_not_trail(name)).cloned().collect();
    for name in barred {
        trailers.remove(name);
    }
    true
}
