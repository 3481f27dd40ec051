//! One request and its answer on a connection: the request is written while the answer is read.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::Body;

use super::conn::{ClientConfig, ClientConn, Hook};
use super::error::SendFault;
use super::observer::Observer;
use crate::body::{Polled, Source};
use crate::body_reader::BodyReader;
use crate::buffer::ReadBuffer;
use crate::error::{BodyError, Garbage};
use crate::lines::Lines;
use crate::outgoing::Outgoing;
use crate::response_head::{self, ResponseHead};
use crate::splice::Pipe;
use crate::transport::Transport;
use crate::turn::Turn;

pub(super) struct Exchange<IO, B> {
    pub(super) io: Option<IO>,
    pub(super) config: Rc<ClientConfig>,
    pub(super) hook: Option<Hook<IO, B>>,
    pub(super) read: ReadBuffer,
    pub(super) out: Outgoing,
    pub(super) turn: Turn,
    /// The request's body, until it has been taken whole.
    pub(super) upload: Option<B>,
    /// The request has not been written whole yet.
    pub(super) uploading: bool,
    /// All there is of the request has been written, and its body is waited for.
    pub(super) starved: bool,
    /// Writing failed; the answer may still come.
    pub(super) write_error: Option<io::Error>,
    pub(super) reported: u64,
    pub(super) method: Method,
    /// The protocols that the request offers to switch to.
    pub(super) asked_upgrade: Option<HeaderValue>,
    pub(super) interims: u8,
    pub(super) answer_begun: bool,
    pub(super) lines: Lines,
    pub(super) body: BodyReader,
    pub(super) keep_alive: bool,
    pub(super) epoch: u32,
    pub(super) exchanges: u32,
}

/// Why the request could not be written.
enum UploadFault<E> {
    Body(E),
    Length,
    Io(io::Error),
}

impl<IO, B> Exchange<IO, B>
where
    IO: Transport,
    B: Body<Data = Bytes> + Unpin + 'static,
{
    pub(super) fn new(io: IO, config: Rc<ClientConfig>, hook: Option<Hook<IO, B>>) -> Self {
        Self {
            io: Some(io),
            config,
            hook,
            read: ReadBuffer::new(),
            out: Outgoing::new(),
            turn: Turn::default(),
            upload: None,
            uploading: false,
            starved: false,
            write_error: None,
            reported: 0,
            method: Method::GET,
            asked_upgrade: None,
            interims: 0,
            answer_begun: false,
            lines: Lines::default(),
            body: BodyReader::done(),
            keep_alive: true,
            epoch: 0,
            exchanges: 0,
        }
    }

    /// Whether the exchange has left the connection fit for another.
    pub(super) fn is_clean(&self) -> bool {
        self.io.is_some()
            && self.keep_alive
            && !self.uploading
            && self.write_error.is_none()
            && self.body.is_done()
            && self.read.is_empty()
    }

    /// Writes what can be written, and reads until the head of the final answer (or of a 101) is there.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        observer: &mut impl Observer,
    ) -> Poll<Result<ResponseHead, SendFault<B::Error>>> {
        if self.uploading {
            let polled = self.poll_upload(cx);
            if self.out.written() != self.reported {
                self.reported = self.out.written();
                observer.written(self.reported);
            }
            observer.starved(self.starved);
            match polled {
                Poll::Ready(Ok(())) => observer.sent(),
                Poll::Ready(Err(UploadFault::Body(error))) => {
                    return Poll::Ready(Err(SendFault::Body(error)));
                }
                Poll::Ready(Err(UploadFault::Length)) => return Poll::Ready(Err(SendFault::Length)),
                // The upstream may have answered before it closed: that answer counts.
                Poll::Ready(Err(UploadFault::Io(error))) => self.write_error = Some(error),
                Poll::Pending => {}
            }
        }
        loop {
            if let Some(end) = self.find_end().map_err(SendFault::Garbage)? {
                let bytes = self.read.split(end);
                self.lines = Lines::default();
                let head = response_head::parse(&bytes, &self.method, &self.config.limits)
                    .map_err(SendFault::Garbage)?;
                let status = head.response.status();
                if status == StatusCode::SWITCHING_PROTOCOLS && !self.asked_for(head.response.headers()) {
                    return Poll::Ready(Err(SendFault::Garbage(Garbage::UnaskedUpgrade)));
                }
                if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                    return Poll::Ready(Ok(head));
                }
                if self.interims == self.config.interims {
                    return Poll::Ready(Err(SendFault::Garbage(Garbage::TooManyInterim)));
                }
                self.interims += 1;
                observer.interim(head.response);
                continue;
            }
            ready!(self.poll_more_head(cx))?;
        }
    }

    /// Whether what is switched to is among what the request offers (RFC 9110, section 7.8).
    fn asked_for(&self, headers: &HeaderMap) -> bool {
        let Some(asked) = &self.asked_upgrade else { return false };
        let mut switched = headers.get_all(header::UPGRADE).iter().flat_map(protocols).peekable();
        let offered = |protocol: &[u8]| protocols(asked).any(|asked| asked.eq_ignore_ascii_case(protocol));
        switched.peek().is_some() && switched.all(offered)
    }

    fn poll_more_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendFault<B::Error>>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(SendFault::Closed(None))) };
        let error = match self.read.poll_fill(io, cx) {
            Poll::Ready(Ok(1..)) => {
                self.answer_begun = true;
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(Ok(_)) => self.write_error.take(),
            Poll::Ready(Err(error)) => Some(error),
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(Err(match error {
            _ if self.answer_begun => SendFault::Truncated,
            Some(error) if !is_closure(&error) => SendFault::Io(error),
            closure => SendFault::Closed(closure),
        }))
    }

    /// Whether the request is sent whole and nothing of its answer has come.
    pub(super) fn awaits_answer(&self) -> bool {
        self.io.is_some()
            && !self.uploading
            && self.write_error.is_none()
            && !self.answer_begun
            && self.read.is_empty()
    }

    /// The length of the head at the front of what has been read, if all of it is there.
    fn find_end(&mut self) -> Result<Option<usize>, Garbage> {
        let most = self.config.limits.bytes;
        let window = &self.read.as_slice()[..self.read.len().min(most)];
        match self.lines.end(window) {
            Ok(None) if window.len() == most => Err(Garbage::HeadTooLarge),
            Ok(end) => Ok(end),
            Err(_) => Err(Garbage::BareLineFeed),
        }
    }

    /// Ready once the request has been written whole.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UploadFault<B::Error>>> {
        self.starved = false;
        let polled = ready!(self.poll_write(cx));
        self.uploading = false;
        self.upload = None;
        Poll::Ready(polled)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UploadFault<B::Error>>> {
        self.turn.begin(self.out.written());
        loop {
            let mut waits = false;
            while !waits && self.out.wants_frame() {
                let Some(body) = &mut self.upload else { break };
                match Pin::new(&mut *body).poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => {
                        let last = body.is_end_stream();
                        self.out.push(frame, last).map_err(|_| UploadFault::Length)?;
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(UploadFault::Body(error))),
                    Poll::Ready(None) => self.out.finish().map_err(|_| UploadFault::Length)?,
                    Poll::Pending => waits = true,
                }
            }
            let Some(io) = &mut self.io else {
                return Poll::Ready(Err(UploadFault::Io(io::ErrorKind::NotConnected.into())));
            };
            match self.out.poll_flush(io, cx) {
                Poll::Ready(Ok(())) if self.out.is_done() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) if waits => {
                    self.starved = true;
                    return Poll::Pending;
                }
                Poll::Ready(Ok(())) if self.turn.is_over(self.out.written(), cx) => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(UploadFault::Io(error))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Polled {
        if self.uploading {
            match self.poll_upload(cx) {
                Poll::Ready(Err(UploadFault::Io(error))) => self.write_error = Some(error),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(BodyError::Upload)),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        let Some(io) = &mut self.io else { return Poll::Ready(Err(BodyError::Gone)) };
        self.body.poll_frame(&mut self.read, io, cx)
    }

    fn poll_splice(&mut self, cx: &mut Context<'_>, pipe: &mut Pipe) -> Poll<Option<Result<u64, BodyError>>> {
        // What has been read must go first, and an upload that goes on needs its polls.
        if self.uploading || !self.read.is_empty() {
            return Poll::Ready(None);
        }
        let (Some(most), Some(socket)) = (self.body.spliceable(), self.io.as_ref().and_then(Transport::tcp))
        else {
            return Poll::Ready(None);
        };
        Poll::Ready(match ready!(pipe.poll_in(socket, most, cx)) {
            // The next frame says how it ended.
            Ok(0) => None,
            Ok(count) => {
                self.body.spliced(count as u64);
                Some(Ok(count as u64))
            }
            Err(error) => Some(Err(BodyError::Io(error))),
        })
    }

    /// After the answer's end: back to the pool, or closed.
    pub(super) fn settle(this: Rc<RefCell<Self>>) {
        let mut exchange = this.borrow_mut();
        if !exchange.is_clean() {
            exchange.io = None;
            return;
        }
        exchange.epoch = exchange.epoch.wrapping_add(1);
        exchange.read.settle();
        let hook = exchange.hook.clone();
        drop(exchange);
        if let Some(hook) = hook {
            hook(ClientConn::from_exchange(this));
        }
    }
}

/// The protocols of an `Upgrade`.
fn protocols(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty())
}

fn is_closure(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
    )
}

impl<IO, B> Source for RefCell<Exchange<IO, B>>
where
    IO: Transport,
    B: Body<Data = Bytes> + Unpin + 'static,
{
    fn poll_frame(&self, epoch: u32, cx: &mut Context<'_>) -> Polled {
        let mut exchange = self.borrow_mut();
        if exchange.epoch == epoch { exchange.poll_body(cx) } else { Poll::Ready(Err(BodyError::Gone)) }
    }

    fn poll_splice(
        &self,
        epoch: u32,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<Option<Result<u64, BodyError>>> {
        let mut exchange = self.borrow_mut();
        if exchange.epoch == epoch { exchange.poll_splice(cx, pipe) } else { Poll::Ready(None) }
    }

    fn take_whole(&self, epoch: u32) -> Option<Bytes> {
        let exchange = &mut *self.borrow_mut();
        if exchange.epoch != epoch || exchange.uploading {
            return None;
        }
        exchange.body.take_whole(&mut exchange.read)
    }

    fn waits_for_upload(&self, epoch: u32) -> bool {
        let exchange = self.borrow();
        exchange.epoch == epoch && exchange.uploading && exchange.starved
    }

    fn is_done(&self, epoch: u32) -> bool {
        let exchange = self.borrow();
        exchange.epoch == epoch && exchange.body.is_done()
    }

    fn finished(self: Rc<Self>, epoch: u32) {
        if self.borrow().epoch == epoch {
            Exchange::settle(self);
        }
    }

    fn abandoned(self: Rc<Self>, epoch: u32) {
        let mut exchange = self.borrow_mut();
        if exchange.epoch == epoch {
            exchange.io = None;
            exchange.upload = None;
        }
    }
}

/// The answer to a request.
pub enum Answer<IO> {
    /// A final answer; its body reads the connection.
    Response(Response<crate::body::Incoming>),
    /// The upstream switched protocols.
    Upgraded {
        /// The head of the 101.
        response: Response<()>,
        /// The socket, from here on in the other protocol.
        io: IO,
        /// What was read behind the head.
        leftover: Bytes,
    },
}

impl<IO> std::fmt::Debug for Answer<IO> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Response(response) => f.debug_tuple("Response").field(response).finish(),
            Self::Upgraded { response, .. } => {
                f.debug_tuple("Upgraded").field(response).finish_non_exhaustive()
            }
        }
    }
}
