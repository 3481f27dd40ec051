//! A request's body as it comes from the client.

use super::{
    arrival::{TrailerError, Trailing},
    interim::InterimSink,
};
use crate::{
    h1,
    http2::{Received, is_too_long},
};
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// A request's body as it comes in, and what is taken of its trailers.
#[derive(Debug)]
pub(crate) struct Inbound {
    source: InboundSource,
    trailing: Trailing,
}

#[derive(Debug)]
enum InboundSource {
    Http1(h1::Incoming),
    Http2 {
        body: Received,
        /// Bytes that may still come.
        left: u64,
        /// Where the client waits for `100 Continue`, until the body is asked for.
        continues: Option<Rc<dyn InterimSink>>,
    },
}

impl Inbound {
    /// A body whose reader bounds it.
    pub(crate) fn http1(body: h1::Incoming, trailing: Trailing) -> Self {
        Self { source: InboundSource::Http1(body), trailing }
    }

    /// A body of which at most `limit` bytes are taken. Where the client waits for `100 Continue`, that is sent to
    /// `continues` once the body is asked for and nothing of it is there.
    pub(crate) fn http2(
        body: Received,
        continues: Option<Rc<dyn InterimSink>>,
        limit: u64,
        trailing: Trailing,
    ) -> Self {
        Self { source: InboundSource::Http2 { body, left: limit, continues }, trailing }
    }
}

/// Why a request's body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InboundError {
    #[error(transparent)]
    Http1(h1::BodyError),
    #[error(transparent)]
    Http2(h2::Error),
    #[error("the body is longer than the limit")]
    TooLarge,
    #[error("the body came too slowly")]
    TooSlow,
    #[error("what follows the body is larger than is taken")]
    TrailersTooLarge,
    #[error("a trailer's name has something else than letters, digits and dashes")]
    TrailerName,
    #[error("a trailer is malformed")]
    TrailerMalformed,
}

impl From<TrailerError> for InboundError {
    fn from(fault: TrailerError) -> Self {
        match fault {
            TrailerError::TooLarge => Self::TrailersTooLarge,
            TrailerError::Name => Self::TrailerName,
            TrailerError::Malformed => Self::TrailerMalformed,
        }
    }
}

impl InboundError {
    /// Whether it is larger than is taken.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self, Self::Http1(h1::BodyError::TooLarge) | Self::TooLarge)
    }

    /// Whether what follows it is larger than is taken.
    pub(crate) fn is_trailer_too_large(&self) -> bool {
        matches!(
            self,
            Self::TrailersTooLarge | Self::Http1(h1::BodyError::Chunk(h1::ChunkedError::TrailerTooLarge))
        ) || matches!(self, Self::Http2(error) if is_too_long(error))
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = InboundError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, InboundError>>> {
        let this = self.get_mut();
        let mut polled = match &mut this.source {
            InboundSource::Http1(body) => Pin::new(body).poll_frame(cx).map_err(InboundError::Http1),
            InboundSource::Http2 { body, left, continues } => {
                let polled = Pin::new(body).poll_frame(cx).map_err(InboundError::Http2);
                if let Some(continues) = continues.take()
                    && polled.is_pending()
                {
                    let mut interim = Response::new(());
                    *interim.status_mut() = StatusCode::CONTINUE;
                    continues.send(interim);
                }
                if let Poll::Ready(Some(Ok(frame))) = &polled {
                    let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                    let Some(rest) = left.checked_sub(length) else {
                        return Poll::Ready(Some(Err(InboundError::TooLarge)));
                    };
                    *left = rest;
                }
                polled
            }
        };
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(trailers) = frame.trailers_mut()
            && let Err(fault) = this.trailing.settle(trailers)
        {
            return Poll::Ready(Some(Err(fault.into())));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            InboundSource::Http1(body) => body.is_end_stream(),
            InboundSource::Http2 { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            InboundSource::Http1(body) => body.size_hint(),
            InboundSource::Http2 { body, .. } => body.size_hint(),
        }
    }
}
