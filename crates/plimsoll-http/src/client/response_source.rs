//! Where a response's body comes from.

use super::{attempt::Reply, http1::Http1Connection, http2::StreamPermit, pool::Pool, upload::Progress};
use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use smallvec::SmallVec;
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// A response's bytes, and the connection that brings them: put to rest when they have all come, closed when this is
/// dropped before.
pub(super) struct ResponseSource {
    body: Incoming,
    /// None over HTTP/2: that connection drives itself.
    connection: Option<Box<Http1Connection>>,
    pool: Arc<Pool>,
    /// The stream's place on a connection of HTTP/2.
    _permit: Option<StreamPermit>,
    /// The request's body, where it may still be on its way.
    upload: Option<Arc<Progress>>,
    /// Frames that have been read already.
    ahead: SmallVec<[Result<Frame<Bytes>, hyper::Error>; 2]>,
}

impl ResponseSource {
    /// A response without its body, and where that comes from.
    pub(super) fn of(pool: &Arc<Pool>, reply: Reply) -> (Response<()>, Self) {
        let (response, connection, permit, upload) = match reply {
            Reply::Http1(response, connection, upload) => (response, Some(connection), None, upload),
            Reply::Http2(response, permit, upload) => (response, None, Some(permit), upload),
        };
        let (parts, body) = response.into_parts();
        let pool = Arc::clone(pool);
        (
            Response::from_parts(parts, ()),
            Self { body, connection, pool, _permit: permit, upload, ahead: SmallVec::new() },
        )
    }

    /// The whole body, if all of it has come with the head.
    pub(super) fn whole(&mut self) -> Option<Bytes> {
        let mut whole = Bytes::new();
        for frames in 0..2 {
            if self.body.is_end_stream() {
                self.rest();
                return Some(whole);
            }
            // Nobody waits yet: whoever reads on looks again, and is woken.
            match self.read(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(None) => {
                    self.rest();
                    return Some(whole);
                }
                Poll::Ready(Some(Ok(frame))) if frames == 0 && frame.is_data() => {
                    whole = frame.into_data().unwrap_or_default();
                }
                other => {
                    if frames == 1 {
                        self.ahead.push(Ok(Frame::data(whole)));
                    }
                    if let Poll::Ready(Some(frame)) = other {
                        self.ahead.push(frame);
                    }
                    return None;
                }
            }
        }
        if self.body.is_end_stream() {
            self.rest();
            return Some(whole);
        }
        self.ahead.push(Ok(Frame::data(whole)));
        None
    }

    /// Returns whether it has its connection for itself (HTTP/1.1): one that ends early is of no further use.
    pub(super) const fn is_alone(&self) -> bool {
        self.connection.is_some()
    }

    /// Returns whether the rest of the request is waited for: the peer may have nothing to say before it has that.
    pub(super) fn waits_for_caller(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.is_waited_for() && !upload.has_ended())
    }

    /// These bytes come first, again.
    pub(super) fn unread(&mut self, bytes: Bytes) {
        self.ahead.insert(0, Ok(Frame::data(bytes)));
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if !self.ahead.is_empty() {
            return Poll::Ready(Some(self.ahead.remove(0)));
        }
        let polled = self.read(cx);
        if let Poll::Ready(None) = polled {
            self.rest();
        }
        polled
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(connection) = &mut self.connection else { return Pin::new(&mut self.body).poll_frame(cx) };
        connection.drive(cx);
        // What the body waits for, the connection brings; and that wakes us.
        Pin::new(&mut self.body).poll_frame(&mut Context::from_waker(Waker::noop()))
    }

    /// Returns whether nothing more will come; the connection is at rest then.
    pub(super) fn is_ended(&mut self) -> bool {
        let ended = self.ahead.is_empty() && self.body.is_end_stream();
        if ended {
            self.rest();
        }
        ended
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let ahead = self.ahead.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref());
        let ahead: u64 = ahead.map(|data| data.len() as u64).sum();
        let rest = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(ahead));
        }
        hint
    }

    fn rest(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.keep(connection);
        }
    }
}

impl fmt::Debug for ResponseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseSource").field("body", &self.body).finish_non_exhaustive()
    }
}
