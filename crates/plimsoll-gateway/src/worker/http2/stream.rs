//! One stream of a client's connection, from its request's head until the client has taken the response.

use super::{
    streams::Streams,
    taken::{Part, Taken},
};
use crate::{
    h1::Pace,
    http2::Still,
    proxy::{InterimSink, LastClientFields},
    worker::counted_body::CountedBody,
};
use h2::server::SendResponse;
use http::{Response, StatusCode};
use plimsoll::policy::Instant;
use std::{
    cell::{Cell, RefCell},
    fmt,
    num::NonZeroU64,
    rc::Rc,
    task::{Context, Waker},
    time::Duration,
};

/// A stream, from its request's head until the client has taken the response.
pub(super) struct Stream {
    streams: Rc<Streams>,
    /// The index among its connection's.
    index: Cell<usize>,
    /// The number of holders that still need it: the request, the response's body, parts of it that h2 has not sent.
    holders: Cell<usize>,
    body: RefCell<Option<CountedBody>>,
    unsent: Cell<u64>,
    moved: Cell<u64>,
    /// Bytes that h2 has thrown away.
    lost: Cell<u64>,
    still: Still,
    /// When a part of the body was handed over, after which nothing more has been asked for; where there is a least rate.
    given: Cell<Option<Instant>>,
    pace: Cell<Option<Pace>>,
    /// Waits until more is taken.
    waiting: RefCell<Option<Waker>>,
    /// Has the stream's future polled.
    waker: RefCell<Option<Waker>>,
    /// The stream's future is to end, and the stream with it.
    cancelled: Cell<bool>,
    /// Until the response's head is sent.
    respond: RefCell<Option<SendResponse<Part>>>,
    /// The client waits for `100 Continue` and has not been given it.
    owes_continue: Cell<bool>,
}

/// A stream that is open until the last of these is dropped.
#[derive(Debug)]
pub(super) struct Open(Rc<Stream>);

impl Clone for Open {
    fn clone(&self) -> Self {
        self.0.holders.set(self.0.holders.get() + 1);
        Self(Rc::clone(&self.0))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let left = self.0.holders.get() - 1;
        self.0.holders.set(left);
        if left == 0 {
            self.0.end();
        }
    }
}

impl std::ops::Deref for Open {
    type Target = Stream;

    fn deref(&self) -> &Stream {
        &self.0
    }
}

impl Open {
    /// Creates a stream whose index is not known yet.
    pub(super) fn new(streams: &Rc<Streams>) -> Self {
        Self(Rc::new(Stream {
            streams: Rc::clone(streams),
            index: Cell::new(0),
            holders: Cell::new(1),
            body: RefCell::default(),
            unsent: Cell::new(0),
            moved: Cell::new(0),
            lost: Cell::new(0),
            still: Still::default(),
            given: Cell::new(None),
            pace: Cell::new(None),
            waiting: RefCell::default(),
            waker: RefCell::default(),
            cancelled: Cell::new(false),
            respond: RefCell::default(),
            owes_continue: Cell::new(false),
        }))
    }

    pub(super) fn stream(&self) -> &Rc<Stream> {
        &self.0
    }

    /// Returns the fields about the client, which the streams of a connection share.
    pub(super) fn client_fields(&self) -> &LastClientFields {
        &self.streams.client_fields
    }

    /// Sets how many bytes of the response the client must at least take a second.
    pub(super) fn paced(&self, rate: Option<NonZeroU64>) {
        self.pace.set(rate.map(Pace::new));
    }

    /// Begins the response.
    pub(super) fn taken(&self, body: CountedBody) -> Taken {
        *self.body.borrow_mut() = Some(body);
        Taken::new(self.clone())
    }

    /// Where interim responses go, where the client waits for one before it sends the request's body.
    pub(super) fn owes_continue(&self) -> Rc<dyn InterimSink> {
        self.owes_continue.set(true);
        Rc::clone(&self.0) as Rc<dyn InterimSink>
    }
}

impl Stream {
    pub(super) fn set_index(&self, index: usize) {
        self.index.set(index);
    }

    pub(super) fn body(&self) -> &RefCell<Option<CountedBody>> {
        &self.body
    }

    /// By which the client gets its response, until [`Responding`] takes it back.
    pub(super) fn respond(&self) -> &RefCell<Option<SendResponse<Part>>> {
        &self.respond
    }

    /// Whether the stream is to end. Otherwise the task of `cx` is woken once it is.
    pub(super) fn is_cancelled(&self, cx: &Context<'_>) -> bool {
        match &mut *self.waker.borrow_mut() {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        self.cancelled.get()
    }

    /// Has the stream reset, and what h2 holds of it forgotten.
    pub(super) fn cancel(&self) {
        self.cancelled.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// A part of the body is asked for: the client has taken the one before. Whether that was too slow.
    pub(super) fn asked(&self) -> bool {
        let (Some(given), Some(mut pace)) = (self.given.take(), self.pace.get()) else { return false };
        pace.waited(self.streams.now().since(given));
        self.pace.set(Some(pace));
        pace.left().is_zero()
    }

    /// A part of the body is handed over.
    pub(super) fn give(&self, bytes: u64) {
        self.unsent.set(self.unsent.get() + bytes);
        self.streams.give(bytes);
        if let Some(mut pace) = self.pace.get() {
            self.given.set(Some(self.streams.now()));
            pace.moved(bytes);
            self.pace.set(Some(pace));
        }
    }

    /// The socket has taken so many bytes.
    pub(super) fn moved(&self, bytes: u64) {
        self.moved.set(self.moved.get() + bytes);
        self.streams.moved(bytes);
        self.release(bytes);
    }

    /// So many bytes are not sent any more.
    pub(super) fn lost(&self, bytes: u64) {
        self.lost.set(self.lost.get() + bytes);
        self.release(bytes);
    }

    fn release(&self, bytes: u64) {
        self.unsent.set(self.unsent.get() - bytes);
        self.streams.release(bytes);
        if self.unsent.get() == 0
            && let Some(waker) = self.waiting.borrow_mut().take()
        {
            waker.wake();
        }
    }

    /// Whether h2 holds anything of it that the socket has not taken.
    pub(super) fn is_held(&self) -> bool {
        self.unsent.get() > 0
    }

    /// Whether it has something under way and may not have more.
    pub(super) fn must_wait(&self) -> bool {
        self.is_held() && self.streams.is_crowded()
    }

    /// Has the task of `cx` woken when all that was handed over has been taken.
    pub(super) fn wait(&self, cx: &Context<'_>) {
        *self.waiting.borrow_mut() = Some(cx.waker().clone());
    }

    /// Whether the client takes nothing of what is there for it.
    pub(super) fn stands(&self, now: Instant, write: Duration) -> bool {
        self.still.lasts(self.moved.get(), self.is_held(), now, write)
    }

    /// Whether the client takes too little.
    pub(super) fn lags(&self, now: Instant) -> bool {
        let paced = self.given.get().zip(self.pace.get());
        paced.is_some_and(|(given, pace)| now >= given + pace.left())
    }

    /// Lets go of the response: its endpoint is free again.
    pub(super) fn give_up(&self) {
        self.given.set(None);
        let body = self.body.borrow_mut().take();
        if let Some(mut body) = body {
            self.streams.gave_up();
            body.take_back(self.unsent.get());
        }
    }

    /// Nobody needs it any more.
    #[inline]
    fn end(&self) {
        if let Some(body) = &mut *self.body.borrow_mut() {
            body.take_back(self.lost.get());
        }
        self.streams.ended(self.index.get());
    }
}

impl InterimSink for Stream {
    fn send(&self, interim: Response<()>) -> bool {
        let status = interim.status();
        let allowed = match status {
            StatusCode::CONTINUE => self.owes_continue.take(),
            // HTTP/2 has no switch of protocols (RFC 9113, section 8.6).
            StatusCode::SWITCHING_PROTOCOLS => false,
            _ => self.streams.takes_interim(interim.headers()),
        };
        let mut respond = self.respond.borrow_mut();
        let Some(respond) = respond.as_mut().filter(|_| allowed) else { return false };
        respond.send_informational(interim).is_ok()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("unsent", &self.unsent.get()).finish_non_exhaustive()
    }
}

/// The holder of a response's body, which is dropped with this: not with the stream, whose last holder may be a part that
/// h2 drops within its locks.
#[derive(Debug)]
pub(super) struct Responding(Rc<Stream>);

impl Responding {
    /// Over this stream.
    pub(super) fn new(open: &Open, respond: SendResponse<Part>) -> Self {
        *open.respond.borrow_mut() = Some(respond);
        Self(Rc::clone(open.stream()))
    }
}

impl Drop for Responding {
    fn drop(&mut self) {
        let respond = self.0.respond.borrow_mut().take();
        drop(respond);
    }
}
