//! A connection from a client: waiting for requests and reading their heads.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Request};

use super::config::ServerConfig;
use super::error::NextError;
use super::shared::{Asked, Shared};
use super::watch::{Gone, Informational};
use crate::body::{Incoming, Source};
use crate::body_reader::BodyReader;
use crate::buffer::ReadBuffer;
use crate::drain::{Drain, Listener};
use crate::error::Refusal;
use crate::framing::Framing;
use crate::lines::Lines;
use crate::request_head::{self, RequestHead};
use crate::transport::Transport;

/// What a request line may have beside its target: a method, two spaces and the version.
const LINE_BESIDE_TARGET: usize = 64;
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// How waiting for a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Bytes are there: read the request.
    Ready,
    /// The client closed the connection, or it broke.
    Closed,
    /// The deadline passed.
    TimedOut,
    /// The worker drains: close.
    Draining,
}

/// An HTTP/1.1 connection from a client.
///
/// Used in a loop of [`idle`](Self::idle), [`next_request`](Self::next_request),
/// [`respond`](Self::respond) as long as that says [`Next::Request`](super::Next::Request), then
/// [`close`](Self::close). Dropping it closes the socket at once.
///
/// Between requests it holds no buffer: the socket, some 300 bytes of state, and nothing else.
#[derive(Debug)]
pub struct ServerConn<IO> {
    pub(super) shared: Rc<RefCell<Shared<IO>>>,
    pub(super) config: Rc<ServerConfig>,
    pub(super) drain: Listener,
    pub(super) linger: bool,
    answered: u64,
}

impl<IO: Transport> ServerConn<IO> {
    /// A connection just accepted.
    pub fn new(io: IO, config: Rc<ServerConfig>, drain: &Rc<Drain>) -> Self {
        Self::with_read(io, &[], config, drain)
    }

    /// A connection of which `read` has been read already.
    pub fn with_read(io: IO, read: &[u8], config: Rc<ServerConfig>, drain: &Rc<Drain>) -> Self {
        let shared = Rc::new(RefCell::new(Shared::new(io, ReadBuffer::with(read))));
        Self { shared, config, drain: Listener::new(drain), linger: false, answered: 0 }
    }

    /// Replaces the limits, from the next request on.
    pub fn set_config(&mut self, config: Rc<ServerConfig>) {
        self.config = config;
    }

    /// How many requests it has given out.
    pub fn requests(&self) -> u64 {
        self.answered
    }

    /// Waits for a request's first byte, until `deadline` is ready, the client closes or the worker drains.
    ///
    /// `deadline` is not polled if bytes are there at once, so a timer given here is armed only by waiting. Holds
    /// no buffer meanwhile. Cancel safe.
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
    /// When `deadline` is ready first, the request is refused with [`Refusal::HeadTimeout`] if it had begun, and
    /// is `None` if not. It is polled only when the head has to be waited for.
    ///
    /// Must not be called between a request and its answer: the earlier request is forgotten, its body void.
    /// Cancel safe: what has been read stays.
    pub async fn next_request(
        &mut self,
        deadline: impl Future<Output = ()>,
    ) -> Result<Option<Request<Incoming>>, NextError> {
        let mut deadline = pin!(deadline);
        let mut lines = Lines::default();
        let mut skipped = false;
        let read = poll_fn(|cx| self.poll_head(cx, deadline.as_mut(), &mut lines, &mut skipped)).await;
        let head = match read {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(None),
            Err(error) => return Err(self.refuse(error)),
        };
        let parsed = request_head::parse(&head, &self.config.limits);
        drop(head);
        let head = match parsed {
            Ok(head) if matches!(head.framing, Framing::Length(length) if length > self.config.body) => {
                return Err(self.refuse(NextError::Refused(Refusal::BodyTooLarge)));
            }
            Ok(head) => head,
            Err(refusal) => return Err(self.refuse(NextError::Refused(refusal))),
        };
        Ok(Some(self.accept(head)))
    }

    fn accept(&mut self, head: RequestHead) -> Request<Incoming> {
        self.answered += 1;
        let mut shared = self.shared.borrow_mut();
        if shared.body_begun || !shared.body.is_done() {
            shared.forget_request();
        }
        shared.asked = Asked {
            modern: head.request.version() == http::Version::HTTP_11,
            head_only: *head.request.method() == Method::HEAD,
            keep_alive: head.keep_alive,
            upgrade: head.upgrade,
        };
        shared.owes_continue = head.expects_continue;
        shared.body = BodyReader::new(head.framing, &self.config.limits, self.config.body);
        let (epoch, left) = (shared.epoch, shared.body.left());
        if left == Some(0) {
            // Most requests have no body; their memory may go back before the answer comes.
            shared.read.release();
            return head.request.map(|()| Incoming::empty());
        }
        drop(shared);
        let source = Rc::clone(&self.shared) as Rc<dyn Source>;
        head.request.map(|()| Incoming::new(source, epoch, left))
    }

    #[cold]
    fn refuse(&mut self, error: NextError) -> NextError {
        if !matches!(error, NextError::Http2Preface) {
            // What is left of the refused request must not be taken for a next one.
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
        lines: &mut Lines,
        skipped: &mut bool,
    ) -> Poll<Result<Option<Bytes>, NextError>> {
        let shared = &mut *self.shared.borrow_mut();
        loop {
            if let Some(end) = self.find_end(&mut shared.read, lines, skipped)? {
                return Poll::Ready(Ok(Some(shared.read.split(end))));
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
                        Err(NextError::Refused(Refusal::HeadTimeout))
                    } else {
                        Ok(None)
                    });
                }
            }
        }
    }

    /// The length of the head at the front of `read`, if all of it is there.
    ///
    /// Looks at no byte beyond the head's limit and decides by position only, so the outcome does not depend on
    /// how the bytes were cut into reads.
    fn find_end(
        &self,
        read: &mut ReadBuffer,
        lines: &mut Lines,
        skipped: &mut bool,
    ) -> Result<Option<usize>, NextError> {
        let limits = &self.config.limits;
        if self.answered == 0 && read.as_slice().starts_with(HTTP2_PREFACE) {
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
            return refuse(Refusal::LeadingLines);
        }
        let found = lines.end(window);
        if lines.first_line() > limits.target.saturating_add(LINE_BESIDE_TARGET) {
            return refuse(Refusal::TargetTooLong);
        }
        match found {
            Ok(Some(end)) => Ok(Some(end)),
            Ok(None) if window.len() < limits.bytes => Ok(None),
            Ok(None) if lines.past_first() => refuse(Refusal::HeadTooLarge),
            Ok(None) => refuse(Refusal::TargetTooLong),
            Err(_) => refuse(Refusal::BareLineFeed),
        }
    }

    /// A future that resolves when the client of the request in hand is gone.
    pub fn gone(&self) -> Gone<IO> {
        Gone::new(&self.shared)
    }

    /// As polling [`gone`](Self::gone), without the handle.
    pub fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut shared = self.shared.borrow_mut();
        let epoch = shared.epoch;
        shared.poll_gone(epoch, cx)
    }

    /// A handle for interim answers to the request in hand; `None` if its client speaks HTTP/1.0.
    pub fn informational(&self) -> Option<Informational> {
        self.shared.borrow().asked.modern.then(|| Informational::new(&self.shared))
    }

    /// Sets how many more bytes of the body in hand may be read, in place of the configured limit.
    ///
    /// Says whether the announced length, if there is one, is within it.
    pub fn allow_body(&mut self, bytes: u64) -> bool {
        let mut shared = self.shared.borrow_mut();
        shared.body.allow(bytes);
        shared.body.left().is_none_or(|left| left <= bytes)
    }

    /// A look at the socket: its addresses, its options. `None` once it is broken.
    pub fn with_io<R>(&self, look: impl FnOnce(&IO) -> R) -> Option<R> {
        self.shared.borrow().io.as_ref().map(look)
    }

    /// Gives the socket back with whatever has been read and not consumed: after a switch of protocols, or for
    /// HTTP/2. `None` if the connection is broken.
    pub fn into_parts(self) -> Option<(IO, Bytes)> {
        let mut shared = self.shared.borrow_mut();
        let io = shared.io.take()?;
        shared.forget_request();
        let length = shared.read.len();
        Some((io, shared.read.split(length)))
    }
}
