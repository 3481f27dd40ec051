//! One request and its response on a connection: the request is written while the response is read.

use super::{
    conn::{ClientConfig, ClientConn, Hook},
    error::SendErrorKind,
    observer::Observer,
};
use crate::{
    body_reader::BodyReader, buffer::ReadBuffer, error::ResponseHeadError, fields::Fields,
    head_scanner::HeadScanner, outgoing::Outgoing, response_head::ResponseHead, transport::Transport,
    turn::Turn,
};
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::Body;
use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

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
    /// Everything available of the request has been written, and its body is waited for.
    pub(super) starved: bool,
    /// Writing failed; the response may still come.
    pub(super) write_error: Option<io::Error>,
    /// The bytes written that the observer knows of.
    pub(super) reported: u64,
    pub(super) method: Method,
    /// The protocols that the request offers to switch to.
    pub(super) asked_upgrade: Option<Box<[u8]>>,
    pub(super) interims: u8,
    pub(super) response_begun: bool,
    pub(super) lines: HeadScanner,
    pub(super) body: BodyReader,
    pub(super) keep_alive: bool,
    pub(super) epoch: u32,
    pub(super) exchanges: u32,
}

/// An error of writing the request.
pub(super) enum UploadError<E> {
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
            response_begun: false,
            lines: HeadScanner::default(),
            body: BodyReader::done(),
            keep_alive: true,
            epoch: 0,
            exchanges: 0,
        }
    }

    /// Returns whether the connection can be used for another exchange.
    pub(super) fn is_clean(&self) -> bool {
        self.io.is_some()
            && self.keep_alive
            && !self.uploading
            && self.write_error.is_none()
            && self.body.is_done()
            && self.read.is_empty()
    }

    /// Writes as much as the socket accepts, and reads until the head of the final response (or of a 101) is there.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        observer: &mut impl Observer,
    ) -> Poll<Result<ResponseHead, SendErrorKind<B::Error>>> {
        if self.uploading {
            let polled = self.poll_upload(cx);
            if self.out.written() != self.reported {
                self.reported = self.out.written();
                observer.written(self.reported);
            }
            observer.starved(self.starved);
            match polled {
                Poll::Ready(Ok(())) => observer.sent(),
                Poll::Ready(Err(UploadError::Body(error))) => {
                    return Poll::Ready(Err(SendErrorKind::Body(error)));
                }
                Poll::Ready(Err(UploadError::Length)) => return Poll::Ready(Err(SendErrorKind::Length)),
                // The upstream may have responded before it closed: that response counts.
                Poll::Ready(Err(UploadError::Io(error))) => self.write_error = Some(error),
                Poll::Pending => {}
            }
        }
        loop {
            if let Some(end) = self.find_end().map_err(SendErrorKind::Malformed)? {
                let bytes = self.read.split_mut(end);
                self.lines = HeadScanner::default();
                let head = ResponseHead::parse(bytes, &self.method, &self.config.limits)
                    .map_err(SendErrorKind::Malformed)?;
                let status = head.status;
                if status == StatusCode::SWITCHING_PROTOCOLS && !self.asked_for(&head.fields) {
                    return Poll::Ready(Err(SendErrorKind::Malformed(ResponseHeadError::UnaskedUpgrade)));
                }
                if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                    return Poll::Ready(Ok(head));
                }
                if self.interims == self.config.interims {
                    return Poll::Ready(Err(SendErrorKind::Malformed(ResponseHeadError::TooManyInterim)));
                }
                self.interims += 1;
                observer.interim(head.into_response());
                continue;
            }
            ready!(self.poll_more_head(cx))?;
        }
    }

    /// Returns whether the request offers the protocols that the response switches to (RFC 9110, section 7.8).
    fn asked_for(&self, fields: &Fields) -> bool {
        let Some(asked) = &self.asked_upgrade else { return false };
        let mut switched = fields.get_all("upgrade").flat_map(protocols).peekable();
        let offered = |protocol: &[u8]| protocols(asked).any(|asked| asked.eq_ignore_ascii_case(protocol));
        switched.peek().is_some() && switched.all(offered)
    }

    fn poll_more_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendErrorKind<B::Error>>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(SendErrorKind::Closed(None))) };
        let error = match self.read.poll_fill(io, cx) {
            Poll::Ready(Ok(1..)) => {
                self.response_begun = true;
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(Ok(_)) => self.write_error.take(),
            Poll::Ready(Err(error)) => Some(error),
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(Err(match error {
            _ if self.response_begun => SendErrorKind::Truncated,
            Some(error) if !is_closure(&error) => SendErrorKind::Io(error),
            closure => SendErrorKind::Closed(closure),
        }))
    }

    /// Returns whether the request is sent whole and nothing of its response has come.
    pub(super) fn awaits_response(&self) -> bool {
        self.io.is_some()
            && !self.uploading
            && self.write_error.is_none()
            && !self.response_begun
            && self.read.is_empty()
    }

    /// Returns the length of the head at the front of the buffer, if all of it is there.
    fn find_end(&mut self) -> Result<Option<usize>, ResponseHeadError> {
        let most = self.config.limits.bytes;
        let window = &self.read.as_slice()[..self.read.len().min(most)];
        match self.lines.end(window) {
            Ok(None) if window.len() == most => Err(ResponseHeadError::HeadTooLarge),
            Ok(end) => Ok(end),
            Err(_) => Err(ResponseHeadError::BareLineFeed),
        }
    }

    /// Ready once the request has been written whole.
    pub(super) fn poll_upload(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UploadError<B::Error>>> {
        self.starved = false;
        let polled = ready!(self.poll_write(cx));
        self.uploading = false;
        self.upload = None;
        Poll::Ready(polled)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UploadError<B::Error>>> {
        self.turn.begin(self.out.written());
        loop {
            let mut waits = false;
            while !waits && self.out.wants_frame() {
                let Some(body) = &mut self.upload else { break };
                match Pin::new(&mut *body).poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => {
                        let last = body.is_end_stream();
                        self.out.push(frame, last).map_err(|_| UploadError::Length)?;
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(UploadError::Body(error))),
                    Poll::Ready(None) => self.out.finish().map_err(|_| UploadError::Length)?,
                    Poll::Pending => waits = true,
                }
            }
            let Some(io) = &mut self.io else {
                return Poll::Ready(Err(UploadError::Io(io::ErrorKind::NotConnected.into())));
            };
            match self.out.poll_flush(io, cx) {
                Poll::Ready(Ok(())) if self.out.is_done() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) if waits => {
                    self.starved = true;
                    return Poll::Pending;
                }
                Poll::Ready(Ok(())) if self.turn.is_over(self.out.written(), cx) => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(UploadError::Io(error))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Gives the connection to its hook after the response's end, or closes it.
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

/// Returns the protocols of an `Upgrade`.
fn protocols(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty())
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
