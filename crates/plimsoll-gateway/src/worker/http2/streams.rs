//! The streams of one client's connection, seen from outside: hyper knows neither idle connections nor clients that take
//! nothing, or too little.

use crate::{pace::Pace, proxy::DownloadError, worker::answering::Answering};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use plimsoll::{Instant, driver::Time, telemetry::Counter};
use slab::Slab;
use std::{
    cell::{Cell, RefCell},
    num::NonZeroU64,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

/// How often streams are looked at while one is open and there is a least rate.
const LOOK: Duration = Duration::from_secs(1);

/// Which streams are open, and since when none is.
#[derive(Debug)]
pub(super) struct Streams {
    open: RefCell<Slab<Rc<Stream>>>,
    since: Cell<Instant>,
    time: Time,
    /// Answers given up.
    slow: Counter,
}

#[derive(Debug, Default)]
struct Stream {
    body: RefCell<Option<Answering>>,
    /// When a part of the body was handed over, after which nothing more has been asked for.
    given: Cell<Option<Instant>>,
    pace: Cell<Option<Pace>>,
}

impl Stream {
    /// A part of the body is asked for: the client has taken the one before. Whether that was too slow.
    fn taken(&self, time: &Time) -> bool {
        let (Some(given), Some(mut pace)) = (self.given.take(), self.pace.get()) else { return false };
        pace.waited(time.now().since(given));
        self.pace.set(Some(pace));
        pace.left().is_zero()
    }

    /// A part of the body is handed over.
    fn give(&self, bytes: u64, now: Instant) {
        self.given.set(Some(now));
        if let Some(mut pace) = self.pace.get() {
            pace.moved(bytes);
            self.pace.set(Some(pace));
        }
    }

    /// Whether the client has taken nothing for so long, or too little.
    fn is_stuck(&self, now: Instant, write: Duration) -> bool {
        let limit = self.pace.get().map_or(write, |pace| pace.left().min(write));
        self.given.get().is_some_and(|given| now >= given + limit)
    }

    /// Lets go of the answer.
    fn give_up(&self) {
        self.given.set(None);
        let body = self.body.borrow_mut().take();
        drop(body);
    }
}

impl Streams {
    /// None is open, from now on.
    pub(super) fn new(time: Time, slow: Counter) -> Rc<Self> {
        Rc::new(Self { open: RefCell::default(), since: Cell::new(time.now()), time, slow })
    }

    /// Counts a stream until what comes of this is dropped.
    pub(super) fn open(self: &Rc<Self>) -> Open {
        let stream = Rc::<Stream>::default();
        let place = self.open.borrow_mut().insert(Rc::clone(&stream));
        Open { streams: Rc::clone(self), stream, place }
    }

    /// When to look again whether it is idle or a stream is stuck. Streams that open meanwhile are not waited for longer.
    pub(super) fn next_look(
        &self,
        now: Instant,
        idle: Duration,
        write: Duration,
        rate: Option<NonZeroU64>,
    ) -> Instant {
        let next = now + write.min(idle);
        if self.open.borrow().is_empty() {
            next.earliest(self.since.get() + idle)
        } else if rate.is_some() {
            next.earliest(now + LOOK)
        } else {
            next
        }
    }

    /// Whether no stream has been open for so long.
    pub(super) fn is_idle(&self, now: Instant, idle: Duration) -> bool {
        self.open.borrow().is_empty() && now >= self.since.get() + idle
    }

    /// Lets go of the answers of which the client has taken nothing for so long, or too little: their endpoints are free
    /// again, and the streams are reset when the client takes anything once more.
    pub(super) fn give_up_stuck(&self, now: Instant, write: Duration) {
        let stuck = |stream: &&Rc<Stream>| stream.is_stuck(now, write);
        let stuck: Vec<_> =
            self.open.borrow().iter().map(|(_, stream)| stream).filter(stuck).cloned().collect();
        for stream in stuck {
            self.slow.inc();
            stream.give_up();
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
    /// Of whose answer the client must take at least so many bytes a second.
    pub(super) fn paced(self, rate: Option<NonZeroU64>) -> Self {
        self.stream.pace.set(rate.map(Pace::new));
        self
    }

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
        let Open { streams, stream, .. } = &self.0;
        if stream.taken(&streams.time) && stream.body.borrow().is_some() {
            streams.slow.inc();
            stream.give_up();
        }
        let polled = match &mut *stream.body.borrow_mut() {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(Some(Err(DownloadError::Stuck))),
        };
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            stream.give(bytes, streams.time.now());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::GRACE;

    const WRITE: Duration = Duration::from_secs(30);

    fn paced(rate: u64) -> Stream {
        let stream = Stream::default();
        stream.pace.set(NonZeroU64::new(rate).map(Pace::new));
        stream
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_below_the_rate_is_too_slow() {
        let (time, stream) = (Time::TOKIO, paced(1000));
        // What the windows take at first buys no time.
        stream.give(1 << 20, time.now());
        let mut waited = Duration::ZERO;
        loop {
            tokio::time::advance(Duration::from_secs(1)).await;
            waited += Duration::from_secs(1);
            if stream.taken(&time) {
                break;
            }
            stream.give(10, time.now());
        }
        assert_eq!(waited, GRACE + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_the_rate_is_not_and_a_slow_endpoint_costs_nothing() {
        let (time, stream) = (Time::TOKIO, paced(1000));
        for _ in 0..100 {
            stream.give(1000, time.now());
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(!stream.taken(&time));
            tokio::time::advance(Duration::from_secs(60)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_takes_nothing_is_stuck_by_the_earlier_limit() {
        for (rate, limit) in [(0, WRITE), (1, GRACE)] {
            let (time, stream) = (Time::TOKIO, paced(rate));
            let began = time.now();
            stream.give(10, began);
            tokio::time::advance(limit / 2).await;
            assert!(!stream.is_stuck(time.now(), WRITE));
            assert!(stream.is_stuck(began + limit, WRITE));
        }
    }
}
