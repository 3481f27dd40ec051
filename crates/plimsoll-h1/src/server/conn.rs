//! A connection from a client: waits for requests and reads their heads.

use super::{
    config::ServerConfig,
    error::NextError,
    lead::Lead,
    shared::{RequestFacts, Shared},
    watch::{Gone, Informational},
};
use crate::{
    body::{BodySource, Incoming},
    body_reader::BodyReader,
    buffer::ReadBuffer,
    drain::{Drain, Listener},
    error::RequestHeadError,
    framing::Framing,
    head_scanner::HeadScanner,
    request_head::RequestHead,
    transport::Transport,
};
use bytes::{Bytes, BytesMut};
use http::{Method, Request, Version};
use std::{
    cell::RefCell,
    future::poll_fn,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, ready},
};

/// The most bytes of a request line beside its target: a method, two spaces and the version.
const LINE_BESIDE_TARGET: usize = 64;
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// The end of a wait for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Bytes have come: read the request.
    Ready,
    /// The client closed the connection, or it broke.
    Closed,
    /// The deadline passed.
    TimedOut,
    /// The drain has begun: close.
    Draining,
}

/// A request as it is received.
#[derive(Debug)]
pub struct Received {
    /// The head.
    pub head: RequestHead,
    /// The body, which reads the connection.
    pub body: Incoming,
}

impl Received {
    /// Returns it as a request, its fields in a map.
    pub fn into_request(self) -> Request<Incoming> {
        self.head.into_request().map(|()| self.body)
    }
}

/// An HTTP/1.1 connection from a client.
///
/// Use it in a loop of [`idle`](Self::idle), [`next_request`](Self::next_request) and [`respond`](Self::respond) as long
/// as the latter returns [`Next::Request`](super::Next::Request), then [`close`](Self::close) it. Dropping it closes the
/// socket at once.
///
/// Between requests it holds the socket and some 300 bytes of state, and no buffer.
#[derive(Debug)]
pub struct ServerConn<IO> {
    pub(super) shared: Rc<RefCell<Shared<IO>>>,
    pub(super) config: Rc<ServerConfig>,
    pub(super) drain: Listener,
    pub(super) linger: bool,
    pub(super) lead: Lead,
    requests_read: u64,
}

impl<IO: Transport> ServerConn<IO> {
    /// Creates a connection from an accepted socket.
    pub fn new(io: IO, config: Rc<ServerConfig>, drain: &Rc<Drain>) -> Self {
        Self::with_read(io, &[], config, drain)
    }

    /// Creates a connection of which `read` has been read already.
    pub fn with_read(io: IO, read: &[u8], config: Rc<ServerConfig>, drain: &Rc<Drain>) -> Self {
        let shared = Rc::new(RefCell::new(Shared::new(io, ReadBuffer::from_slice(read))));
        let (drain, lead) = (Listener::new(drain), Lead::default());
        Self { shared, config, drain, linger: false, lead, requests_read: 0 }
    }

    /// Replaces the configuration, from the next request on.
    pub fn set_config(&mut self, config: Rc<ServerConfig>) {
        self.config = config;
    }

    /// Returns the number of requests that [`next_request`](Self::next_request) has returned.
    pub fn requests(&self) -> u64 {
        self.requests_read
    }

    /// Waits for a request's first byte, until `deadline` is ready, the client closes or the drain begins.
    ///
    /// `deadline` is not polled if bytes are there at once, so a timer given here is armed only by waiting. The connection
    /// holds no buffer meanwhile. Cancel safe.
    pub async fn idle(&mut self, deadline: impl Future<Output = ()>) -> Idle {
        let mut deadline = pin!(deadline);
        poll_fn(|cx| {
            let shared = &mut *self.shared.borrow_mut();
            if !shared.read.is_empty() {
                return Poll::Ready(Idle::Ready);
            }
            let Some(io) = shared.io.as_mut().filter(|_| !shared.ended) else {
                return Poll::Ready(Idle::Closed);
            };
            match shared.read.poll_fill(io, cx) {
                Poll::Ready(Ok(1..)) => Poll::Ready(Idle::Ready),
                Poll::Ready(_) => {
                    shared.ended = true;
                    Poll::Ready(Idle::Closed)
                }
                Poll::Pending if self.drain.has_begun() => Poll::Ready(Idle::Draining),
                Poll::Pending => {
                    self.drain.listen(cx);
                    deadline.as_mut().poll(cx).map(|()| Idle::TimedOut)
                }
            }
        })
        .await
    }

    /// Reads the next request's head; `None` if the client closed before its first byte.
    ///
    /// When `deadline` is ready first, the request is refused with [`RequestHeadError::HeadTimeout`] if it had begun, and
    /// is `None` if not. It is polled only when the head has to be waited for.
    ///
    /// Do not call it between a request and its response: the earlier request is forgotten, its body void. Cancel safe:
    /// bytes that were read stay.
    ///
    /// # Errors
    /// If the request is refused, the connection ends or fails within the head, or the client speaks HTTP/2.
    pub async fn next_request(
        &mut self,
        deadline: impl Future<Output = ()>,
    ) -> Result<Option<Received>, NextError> {
        let mut deadline = pin!(deadline);
        let mut lines = HeadScanner::default();
        let mut skipped = false;
        let read = poll_fn(|cx| self.poll_head(cx, deadline.as_mut(), &mut lines, &mut skipped)).await;
        let head = match read {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(None),
            Err(error) => return Err(self.refuse(error)),
        };
        let head = match RequestHead::parse(head, &self.config.limits) {
            Ok(head) if matches!(head.framing, Framing::Length(length) if length > self.config.body) => {
                return Err(self.refuse(NextError::Refused(RequestHeadError::BodyTooLarge)));
            }
            Ok(head) => head,
            Err(refusal) => return Err(self.refuse(NextError::Refused(refusal))),
        };
        Ok(Some(self.accept(head)))
    }

    fn accept(&mut self, head: RequestHead) -> Received {
        self.requests_read += 1;
        let mut shared = self.shared.borrow_mut();
        if shared.body_begun || !shared.body.is_done() {
            shared.forget_request();
        }
        shared.asked = RequestFacts {
            modern: head.version == Version::HTTP_11,
            head_only: head.method == Method::HEAD,
            keep_alive: head.keep_alive,
            upgrade: head.upgrade,
        };
        shared.owes_continue = head.expects_continue;
        shared.body = BodyReader::new(head.framing, &self.config.limits, self.config.body);
        let (epoch, left) = (shared.epoch, shared.body.left());
        if left == Some(0) {
            // Most requests have no body; their memory may go back before the response comes.
            shared.read.release();
            return Received { head, body: Incoming::empty() };
        }
        drop(shared);
        let source = Rc::clone(&self.shared) as Rc<dyn BodySource>;
        Received { head, body: Incoming::new(source, epoch, left) }
    }

    #[cold]
    fn refuse(&mut self, error: NextError) -> NextError {
        if !matches!(error, NextError::Http2Preface) {
            // The rest of the refused request must not be read as a next one.
            self.linger = true;
            let mut shared = self.shared.borrow_mut();
            shared.forget_request();
        }
        error
    }

    fn poll_head<D: Future<Output = ()>>(
        &self,
        cx: &mut Context<'_>,
        deadline: Pin<&mut D>,
        lines: &mut HeadScanner,
        skipped: &mut bool,
    ) -> Poll<Result<Option<BytesMut>, NextError>> {
        let shared = &mut *self.shared.borrow_mut();
        loop {
            if let Some(end) = self.find_end(&mut shared.read, lines, skipped)? {
                return Poll::Ready(Ok(Some(shared.read.split_mut(end))));
            }
            let begun = !shared.read.is_empty();
            let Some(io) = shared.io.as_mut().filter(|_| !shared.ended) else { return Poll::Ready(Ok(None)) };
            match shared.read.poll_fill(io, cx) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(end) => {
                    shared.ended = true;
                    return Poll::Ready(match end {
                        Ok(_) if !begun => Ok(None),
                        Ok(_) => Err(NextError::Truncated),
                        Err(error) => Err(NextError::Io(error)),
                    });
                }
                Poll::Pending => {
                    ready!(deadline.poll(cx));
                    return Poll::Ready(if begun {
                        Err(NextError::Refused(RequestHeadError::HeadTimeout))
                    } else {
                        Ok(None)
                    });
                }
            }
        }
    }

    /// Returns the length of the head at the front of `read`, if all of it is there.
    ///
    /// It looks at no byte beyond the head's limit and decides by position only, so the outcome does not depend on how
    /// the bytes were cut into reads.
    fn find_end(
        &self,
        read: &mut ReadBuffer,
        lines: &mut HeadScanner,
        skipped: &mut bool,
    ) -> Result<Option<usize>, NextError> {
        let limits = &self.config.limits;
        if self.requests_read == 0 && !*skipped && read.as_slice().starts_with(HTTP2_PREFACE) {
            return Err(NextError::Http2Preface);
        }
        if !*skipped {
            match read.as_slice() {
                [b'\r'] => return Ok(None),
                [b'\r', b'\n', ..] => {
                    read.skip(2);
                    *skipped = true;
                }
                _ => {}
            }
        }
        let refuse = |refusal| Err(NextError::Refused(refusal));
        let window = &read.as_slice()[..read.len().min(limits.bytes)];
        if window.starts_with(b"\r\n") {
            return refuse(RequestHeadError::LeadingLines);
        }
        let found = lines.end(window);
        if lines.first_line() > limits.target.saturating_add(LINE_BESIDE_TARGET) {
            return refuse(RequestHeadError::TargetTooLong);
        }
        match found {
            Ok(Some(end)) => Ok(Some(end)),
            Ok(None) if window.len() < limits.bytes => Ok(None),
            Ok(None) if lines.past_first() => refuse(RequestHeadError::HeadTooLarge),
            Ok(None) => refuse(RequestHeadError::TargetTooLong),
            Err(_) => refuse(RequestHeadError::BareLineFeed),
        }
    }

    /// Returns a future that resolves when the client of the current request is gone.
    pub fn gone(&self) -> Gone<IO> {
        Gone::new(&self.shared)
    }

    /// Polls whether the client of the current request is gone, as [`gone`](Self::gone) does, without a handle.
    pub fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut shared = self.shared.borrow_mut();
        let epoch = shared.epoch;
        shared.poll_gone(epoch, cx)
    }

    /// Returns a handle for interim responses to the current request; `None` if its client speaks HTTP/1.0.
    pub fn informational(&self) -> Option<Informational> {
        self.shared.borrow().asked.modern.then(|| Informational::new(&self.shared))
    }

    /// Sets the number of bytes of the current body that may still be read, in place of the configured limit, and returns
    /// whether the announced length, if there is one, is within it.
    pub fn allow_body(&mut self, bytes: u64) -> bool {
        let mut shared = self.shared.borrow_mut();
        shared.body.allow(bytes);
        shared.body.left().is_none_or(|left| left <= bytes)
    }

    /// Calls `look` with the socket, for its addresses and options; `None` once the connection is broken.
    pub fn with_io<R>(&self, look: impl FnOnce(&IO) -> R) -> Option<R> {
        self.shared.borrow().io.as_ref().map(look)
    }

    /// Returns the socket and the bytes that were read and not consumed: after a switch of protocols, or for HTTP/2.
    /// `None` if the connection is broken.
    pub fn into_parts(self) -> Option<(IO, Bytes)> {
        let mut shared = self.shared.borrow_mut();
        let io = shared.io.take()?;
        shared.forget_request();
        let length = shared.read.len();
        Some((io, shared.read.split(length)))
    }
}
