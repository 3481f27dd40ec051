//! A body that is read from a stream.

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The body of a request or a response. Bytes count as taken, and open the peer's windows again, when they are read here.
#[derive(Debug)]
pub(crate) struct Received {
    stream: RecvStream,
    /// Bytes that are still to come, where the head says how many.
    left: Option<u64>,
    data_ended: bool,
    /// The peer may end it by a reset with `NO_ERROR`.
    ends_by_reset: bool,
}

impl Received {
    /// The body of a request with these fields.
    pub(crate) fn request(stream: RecvStream, headers: &HeaderMap) -> Self {
        Self::new(stream, headers, false)
    }

    /// The body of a response with these fields. A server that has responded in full may reset the stream with `NO_ERROR`
    /// to say that it needs no more of the request (RFC 9113, section 8.1): that ends the body as well.
    pub(crate) fn response(stream: RecvStream, headers: &HeaderMap) -> Self {
        Self::new(stream, headers, true)
    }

    fn new(stream: RecvStream, headers: &HeaderMap, ends_by_reset: bool) -> Self {
        let stated =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let left = if stated.is_none() && stream.is_end_stream() { Some(0) } else { stated };
        Self { stream, left, data_ended: false, ends_by_reset }
    }

    /// Returns an error of the stream as the body's end: an error, or none where the body is whole.
    fn broken<T>(&self, error: h2::Error) -> Option<Result<T, h2::Error>> {
        let whole = self.ends_by_reset && error.reason() == Some(Reason::NO_ERROR);
        // A body of a stated length that ends before it has broken off.
        if whole && self.left.is_none_or(|left| left == 0) { None } else { Some(Err(error)) }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let this = &mut *self;
        if !this.data_ended {
            match ready!(this.stream.poll_data(cx)) {
                Some(Ok(bytes)) => {
                    // It fails only where more is given back than was taken.
                    let _ = this.stream.flow_control().release_capacity(bytes.len());
                    this.left = this.left.map(|left| left.saturating_sub(bytes.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Err(error)) => return Poll::Ready(this.broken(error)),
                None => this.data_ended = true,
            }
        }
        match ready!(this.stream.poll_trailers(cx)) {
            Ok(trailers) => Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers)))),
            Err(error) => Poll::Ready(this.broken(error)),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
