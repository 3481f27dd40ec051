//! The state that a connection, its request's body and its handles share.

use crate::{
    body::{BodySource, Polled},
    body_reader::BodyReader,
    buffer::ReadBuffer,
    encode,
    error::BodyError,
    outgoing::Outgoing,
    transport::Transport,
};
use http::{HeaderMap, StatusCode};
use std::{
    cell::RefCell,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// The most bytes that are read ahead of a waiting handler, only to learn whether the client is still there.
const READ_AHEAD: usize = 8 * 1024;
/// The most bytes of interim responses that wait for a client that does not read.
const MOST_INTERIM: usize = 4 * 1024;

/// The facts of the current request that its response depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestFacts {
    /// The client speaks HTTP/1.1: it knows chunks and interim responses.
    pub(super) modern: bool,
    pub(super) head_only: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
}

impl RequestFacts {
    /// The facts for a response to a request that could not be read.
    pub(super) const UNREADABLE: Self =
        Self { modern: true, head_only: false, keep_alive: false, upgrade: false };
}

/// The shared state of a connection.
#[derive(Debug)]
pub(super) struct Shared<IO> {
    /// `None` once handed over or broken.
    pub(super) io: Option<IO>,
    pub(super) read: ReadBuffer,
    pub(super) out: Outgoing,
    pub(super) body: BodyReader,
    pub(super) asked: RequestFacts,
    /// Tells bodies and handles of earlier requests from those of this one.
    pub(super) epoch: u32,
    /// The client waits for `100 Continue` and has not been given it.
    pub(super) owes_continue: bool,
    /// The body has been asked for bytes.
    pub(super) body_begun: bool,
    /// The body has been dropped before its end.
    pub(super) body_dropped: bool,
    /// The final response has begun: nothing else may be written.
    pub(super) responding: bool,
    /// The client has ended its side, or the connection broke.
    pub(super) ended: bool,
    pub(super) gone: Option<Waker>,
}

impl<IO: Transport> Shared<IO> {
    pub(super) fn new(io: IO, read: ReadBuffer) -> Self {
        Self {
            io: Some(io),
            read,
            out: Outgoing::new(),
            body: BodyReader::done(),
            asked: RequestFacts::UNREADABLE,
            epoch: 0,
            owes_continue: false,
            body_begun: false,
            body_dropped: false,
            responding: false,
            ended: false,
            gone: None,
        }
    }

    /// Forgets the current request; its body and handles are void from here on.
    pub(super) fn forget_request(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.body = BodyReader::done();
        self.asked = RequestFacts::UNREADABLE;
        self.owes_continue = false;
        self.body_begun = false;
        self.body_dropped = false;
        self.responding = false;
        self.gone = None;
        self.read.settle();
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Polled {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(BodyError::Gone)) };
        self.body_begun = true;
        if std::mem::take(&mut self.owes_continue) && !self.responding && self.read.is_empty() {
            encode::interim(self.out.buf(), StatusCode::CONTINUE, &HeaderMap::new());
        }
        if !self.responding
            && !self.out.is_flushed()
            && let Poll::Ready(Err(error)) = self.out.poll_flush(io, cx)
        {
            self.ended = true;
            return Poll::Ready(Err(BodyError::Io(error)));
        }
        let polled = self.body.poll_frame(&mut self.read, io, cx);
        if let Poll::Ready(Err(BodyError::Truncated | BodyError::Io(_))) = &polled {
            self.ended = true;
        }
        // From here on only the watch for the client's end reads the socket; it has to register again.
        if (self.ended || self.body.is_done())
            && let Some(waker) = self.gone.take()
        {
            waker.wake();
        }
        polled
    }

    /// Ready once the client has ended its side of the connection, or it broke.
    pub(super) fn poll_gone(&mut self, epoch: u32, cx: &mut Context<'_>) -> Poll<()> {
        if self.epoch != epoch {
            return Poll::Pending;
        }
        let Some(io) = &mut self.io else { return Poll::Ready(()) };
        while !self.ended {
            let room = match self.body.left() {
                Some(left) if self.read.len() as u64 >= left => {
                    self.read.len() as u64 - left < READ_AHEAD as u64
                }
                // The reader of the body finds the end; reading here would take its bytes.
                _ => !self.body_begun && self.read.len() < READ_AHEAD,
            };
            let polled = if room { self.read.poll_fill(io, cx) } else { Poll::Pending };
            match polled {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => self.ended = true,
                Poll::Pending => {
                    match &mut self.gone {
                        Some(waker) => waker.clone_from(cx.waker()),
                        empty => *empty = Some(cx.waker().clone()),
                    }
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(())
    }

    /// Queues an interim response, writes what the socket accepts at once, and returns whether it was taken.
    pub(super) fn send_interim(&mut self, epoch: u32, status: StatusCode, headers: &HeaderMap) -> bool {
        let fits = self.epoch == epoch
            && !self.responding
            && self.asked.modern
            && status.is_informational()
            && status != StatusCode::SWITCHING_PROTOCOLS
            && self.out.waiting() < MOST_INTERIM;
        let Some(io) = self.io.as_mut().filter(|_| fits) else { return false };
        if status == StatusCode::CONTINUE && !std::mem::take(&mut self.owes_continue) {
            return false;
        }
        encode::interim(self.out.buf(), status, headers);
        // The rest leaves with the next write; a failed write shows there, too.
        let _ = self.out.poll_flush(io, &mut Context::from_waker(Waker::noop()));
        true
    }
}

impl<IO: Transport> BodySource for RefCell<Shared<IO>> {
    fn poll_frame(&self, epoch: u32, cx: &mut Context<'_>) -> Polled {
        let mut shared = self.borrow_mut();
        if shared.epoch == epoch { shared.poll_body(cx) } else { Poll::Ready(Err(BodyError::Gone)) }
    }

    fn is_done(&self, epoch: u32) -> bool {
        let shared = self.borrow();
        shared.epoch == epoch && shared.body.is_done()
    }

    fn finished(self: Rc<Self>, _: u32) {}

    fn abandoned(self: Rc<Self>, epoch: u32) {
        let mut shared = self.borrow_mut();
        shared.body_dropped |= shared.epoch == epoch;
    }
}
