//! The streams of one client's connection, seen from outside: hyper knows neither idle connections nor clients that take
//! nothing.

use crate::{proxy::DownloadError, worker::answering::Answering};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use plimsoll::{Instant, driver::Time};
use slab::Slab;
use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

/// Which streams are open, and since when none is.
#[derive(Debug)]
pub(super) struct Streams {
    open: RefCell<Slab<Rc<Stream>>>,
    since: Cell<Instant>,
    time: Time,
}

#[derive(Debug, Default)]
struct Stream {
    body: RefCell<Option<Answering>>,
    /// When a part of the body was handed over, after which nothing more has been asked for.
    given: Cell<Option<Instant>>,
}

impl Streams {
    /// None is open, from now on.
    pub(super) fn new(time: Time) -> Rc<Self> {
        Rc::new(Self { open: RefCell::default(), since: Cell::new(time.now()), time })
    }

    /// Counts a stream until what comes of this is dropped.
    pub(super) fn open(self: &Rc<Self>) -> Open {
        let stream = Rc::<Stream>::default();
        let place = self.open.borrow_mut().insert(Rc::clone(&stream));
        Open { streams: Rc::clone(self), stream, place }
    }

    /// When to look again whether it is idle or a stream is stuck. Streams that open meanwhile are not waited for longer.
    pub(super) fn next_look(&self, now: Instant, idle: Duration, write: Duration) -> Instant {
        let next = now + write.min(idle);
        if self.open.borrow().is_empty() { next.earliest(self.since.get() + idle) } else { next }
    }

    /// Whether no stream has been open for so long.
    pub(super) fn is_idle(&self, now: Instant, idle: Duration) -> bool {
        self.open.borrow().is_empty() && now >= self.since.get() + idle
    }

    /// Lets go of the answers of which the client has taken nothing for so long: their endpoints are free again, and the
    /// streams are reset when the client takes anything once more.
    pub(super) fn give_up_stuck(&self, now: Instant, write: Duration) {
        let stuck = |stream: &&Rc<Stream>| stream.given.get().is_some_and(|given| now >= given + write);
        let stuck: Vec<_> =
            self.open.borrow().iter().map(|(_, stream)| stream).filter(stuck).cloned().collect();
        for stream in stuck {
            stream.given.set(None);
            let body = stream.body.borrow_mut().take();
            drop(body);
        }
    }
}

/// An open stream, before its answer.
#[derive(Debug)]
pub(super) struct Open {
    streams: Rc<Streams>,
    stream: Rc<Stream>,
    place: usize,
}

impl Open {
    /// With this answer.
    pub(super) fn taken(self, body: Answering) -> Taken {
        *self.stream.body.borrow_mut() = Some(body);
        Taken(self)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.streams.open.borrow_mut();
        open.remove(self.place);
        if open.is_empty() {
            self.streams.since.set(self.streams.time.now());
        }
    }
}

/// An answer's body as the client takes it.
#[derive(Debug)]
pub(super) struct Taken(Open);

impl Body for Taken {
    type Data = Bytes;
    type Error = DownloadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        let stream = &self.0.stream;
        stream.given.set(None);
        let polled = match &mut *stream.body.borrow_mut() {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(Some(Err(DownloadError::Stuck))),
        };
        if let Poll::Ready(Some(Ok(_))) = &polled {
            stream.given.set(Some(self.0.streams.time.now()));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.stream.body.borrow().as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.stream.body.borrow().as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}
