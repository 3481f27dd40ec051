//! The streams of one client's connection, seen from outside: hyper knows neither idle connections nor clients that take
//! nothing, or too little.

use super::{
    still::Still,
    taken::Taken,
    unsent::{Place, Unsent},
    wire::Wire,
};
use crate::{h1::Pace, worker::answering::Answering};
use plimsoll::{Instant, driver::Time, telemetry::Counter};
use slab::Slab;
use std::{
    cell::{Cell, RefCell},
    num::NonZeroU64,
    rc::Rc,
    task::{Context, Waker},
    time::Duration,
};
use tokio::{sync::Notify, task::AbortHandle};

/// How often streams are looked at while one is open and there is a least rate.
const LOOK: Duration = Duration::from_secs(1);

/// Into how many looks the time is divided for which a client may take nothing.
const LOOKS: u32 = 4;

/// Bytes that one connection's streams may together read ahead. Above it, each has at most one part under way.
const CROWDED: u64 = 1 << 20;

/// Which streams are open, since when none is, and what their client takes.
#[derive(Debug)]
pub(super) struct Streams {
    open: RefCell<Slab<Rc<Stream>>>,
    since: Cell<Instant>,
    time: Time,
    /// Answers given up.
    slow: Counter,
    /// Bytes of answers that hyper holds.
    unsent: Cell<u64>,
    /// Bytes of answers that the client has taken.
    moved: Cell<u64>,
    /// [`Self::moved`] when last asked whether it has stood still.
    asked: Cell<Option<u64>>,
    still: Still,
    wire: Rc<Wire>,
    wire_still: Still,
    all: Rc<Unsent>,
    place: RefCell<Option<Place>>,
    closed: Notify,
    /// The stream whose task hyper is about to spawn.
    begun: RefCell<Option<Rc<Stream>>>,
}

/// What a look at a connection has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// It can go on.
    Sound,
    /// Its client takes nothing at all: neither its socket, nor any of the answers that are open.
    Stuck,
}

/// A stream, from its request's head until the client has taken its answer.
#[derive(Debug)]
pub(super) struct Stream {
    streams: Rc<Streams>,
    place: Cell<usize>,
    /// Whoever needs it still: the request, the answer's body, parts of that which hyper has not sent.
    holders: Cell<usize>,
    body: RefCell<Option<Answering>>,
    unsent: Cell<u64>,
    moved: Cell<u64>,
    /// Bytes that hyper has thrown away.
    lost: Cell<u64>,
    still: Still,
    /// When a part of the body was handed over, after which nothing more has been asked for; where there is a least rate.
    given: Cell<Option<Instant>>,
    pace: Cell<Option<Pace>>,
    /// Waits until more is taken.
    waiting: RefCell<Option<Waker>>,
    task: RefCell<Option<AbortHandle>>,
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
    /// Of whose answer the client must take at least so many bytes a second.
    pub(super) fn paced(self, rate: Option<NonZeroU64>) -> Self {
        self.pace.set(rate.map(Pace::new));
        self
    }

    /// With this answer.
    pub(super) fn taken(self, body: Answering) -> Taken {
        *self.body.borrow_mut() = Some(body);
        Taken::new(self)
    }
}

impl Stream {
    pub(super) fn body(&self) -> &RefCell<Option<Answering>> {
        &self.body
    }

    /// A part of the body is asked for: the client has taken the one before. Whether that was too slow.
    pub(super) fn asked(&self) -> bool {
        let (Some(given), Some(mut pace)) = (self.given.take(), self.pace.get()) else { return false };
        pace.waited(self.streams.time.now().since(given));
        self.pace.set(Some(pace));
        pace.left().is_zero()
    }

    /// A part of the body is handed over.
    pub(super) fn give(&self, bytes: u64) {
        self.unsent.set(self.unsent.get() + bytes);
        self.streams.unsent.set(self.streams.unsent.get() + bytes);
        self.streams.all.hold(bytes);
        if let Some(mut pace) = self.pace.get() {
            self.given.set(Some(self.streams.time.now()));
            pace.moved(bytes);
            self.pace.set(Some(pace));
        }
    }

    /// The socket has taken so many bytes.
    pub(super) fn moved(&self, bytes: u64) {
        self.moved.set(self.moved.get() + bytes);
        self.streams.moved.set(self.streams.moved.get() + bytes);
        self.release(bytes);
    }

    /// So many bytes are not sent any more.
    pub(super) fn lost(&self, bytes: u64) {
        self.lost.set(self.lost.get() + bytes);
        self.release(bytes);
    }

    fn release(&self, bytes: u64) {
        self.unsent.set(self.unsent.get() - bytes);
        self.streams.unsent.set(self.streams.unsent.get() - bytes);
        self.streams.all.release(bytes);
        if self.unsent.get() == 0
            && let Some(waker) = self.waiting.borrow_mut().take()
        {
            waker.wake();
        }
    }

    /// Whether hyper holds anything of it that the socket has not taken.
    pub(super) fn is_held(&self) -> bool {
        self.unsent.get() > 0
    }

    /// Whether it has something under way and may not have more.
    pub(super) fn must_wait(&self) -> bool {
        if self.unsent.get() == 0 {
            return false;
        }
        let streams = &self.streams;
        if streams.all.is_over() {
            streams.all.relieve(streams.time.now());
            return true;
        }
        streams.unsent.get() > CROWDED
    }

    /// Has the task of `cx` woken when all that was handed over has been taken.
    pub(super) fn wait(&self, cx: &Context<'_>) {
        *self.waiting.borrow_mut() = Some(cx.waker().clone());
    }

    /// Whether the client takes nothing of what is there for it.
    fn stands(&self, now: Instant, write: Duration) -> bool {
        self.still.lasts(self.moved.get(), self.is_held(), now, write)
    }

    /// Whether the client takes too little.
    fn lags(&self, now: Instant) -> bool {
        let paced = self.given.get().zip(self.pace.get());
        paced.is_some_and(|(given, pace)| now >= given + pace.left())
    }

    /// Lets go of the answer: its endpoint is free again.
    pub(super) fn give_up(&self) {
        self.given.set(None);
        let body = self.body.borrow_mut().take();
        if let Some(mut body) = body {
            self.streams.slow.inc();
            body.take_back(self.unsent.get());
        }
    }

    /// Has hyper reset the stream, and forget what it holds of it.
    fn reset(&self) {
        if let Some(task) = self.task.borrow_mut().take() {
            task.abort();
        }
    }

    /// Nobody needs it any more.
    #[inline]
    fn end(&self) {
        if let Some(body) = &mut *self.body.borrow_mut() {
            body.take_back(self.lost.get());
        }
        let streams = &self.streams;
        let mut open = streams.open.borrow_mut();
        open.remove(self.place.get());
        if open.is_empty() {
            streams.since.set(streams.time.now());
        }
    }
}

impl Streams {
    /// None is open, from now on.
    pub(super) fn new(time: Time, slow: Counter, wire: Rc<Wire>, all: &Rc<Unsent>) -> Rc<Self> {
        let now = time.now();
        let streams = Rc::new(Self {
            open: RefCell::default(),
            since: Cell::new(now),
            time,
            slow,
            unsent: Cell::new(0),
            moved: Cell::new(0),
            asked: Cell::new(None),
            still: Still::default(),
            wire,
            wire_still: Still::default(),
            all: Rc::clone(all),
            place: RefCell::default(),
            closed: Notify::new(),
            begun: RefCell::default(),
        });
        *streams.place.borrow_mut() = Some(all.enter(&streams));
        streams
    }

    /// Counts a stream until what comes of this is dropped.
    pub(super) fn open(self: &Rc<Self>) -> Open {
        let stream = Rc::new(Stream {
            streams: Rc::clone(self),
            place: Cell::new(0),
            holders: Cell::new(1),
            body: RefCell::default(),
            unsent: Cell::new(0),
            moved: Cell::new(0),
            lost: Cell::new(0),
            still: Still::default(),
            given: Cell::new(None),
            pace: Cell::new(None),
            waiting: RefCell::default(),
            task: RefCell::default(),
        });
        stream.place.set(self.open.borrow_mut().insert(Rc::clone(&stream)));
        *self.begun.borrow_mut() = Some(Rc::clone(&stream));
        Open(stream)
    }

    /// hyper has spawned the task of the stream that was opened last.
    pub(super) fn spawned(&self, task: AbortHandle) {
        if let Some(stream) = self.begun.borrow_mut().take() {
            *stream.task.borrow_mut() = Some(task);
        }
    }

    /// When to look again whether it is idle or a stream is stuck. Streams that open meanwhile are not waited for longer.
    pub(super) fn next_look(
        &self,
        now: Instant,
        idle: Duration,
        write: Duration,
        rate: Option<NonZeroU64>,
    ) -> Instant {
        let next = now + (write / LOOKS).min(idle);
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

    /// Gives up the answers of which the client has taken nothing for so long, or too little: their endpoints are free
    /// again, and the streams are reset.
    pub(super) fn look(&self, now: Instant, write: Duration) -> Look {
        let (wire, held) = (&self.wire, self.unsent.get() > 0);
        let socket = self.wire_still.lasts(wire.written(), wire.is_blocked(), now, write);
        let all = self.still.lasts(self.moved.get(), held, now, write);
        let open: Vec<_> = self.open.borrow().iter().map(|(_, stream)| Rc::clone(stream)).collect();
        // Each is looked at, since each look counts.
        let stands: Vec<bool> = open.iter().map(|stream| stream.stands(now, write)).collect();
        let nothing_else = !open.is_empty() && stands.iter().all(|stands| *stands);
        for (stream, stands) in open.iter().zip(stands) {
            if stands || stream.lags(now) {
                stream.give_up();
                stream.reset();
            }
        }
        if socket || all && nothing_else { Look::Stuck } else { Look::Sound }
    }

    /// Bytes of answers that hyper holds.
    pub(super) fn unsent(&self) -> u64 {
        self.unsent.get()
    }

    /// Whether the client has had something to take since this was last asked, and has taken nothing.
    pub(super) fn has_stood_since_last_asked(&self) -> bool {
        let moved = self.moved.get();
        self.asked.replace(Some(moved)) == Some(moved) && self.unsent.get() > 0
    }

    /// Has the connection closed.
    pub(super) fn close(&self) {
        self.slow.inc();
        self.closed.notify_one();
    }

    /// Waits until the connection is to be closed. Cancel safe.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }

    /// Its streams are gone with the connection.
    pub(super) fn ended(&self) {
        self.place.borrow_mut().take();
        for stream in self.open.borrow().iter().map(|(_, stream)| stream) {
            stream.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h1::GRACE;
    use plimsoll::telemetry::{Desc, Registry};

    const WRITE: Duration = Duration::from_secs(30);

    fn streams() -> Rc<Streams> {
        let slow = Registry::new().counter(Desc::new("slow_total", "")).unwrap();
        let all = Rc::<Unsent>::default();
        all.set_limit(u64::MAX);
        Streams::new(Time::TOKIO, slow, Rc::default(), &all)
    }

    fn paced(rate: u64) -> Open {
        streams().open().paced(NonZeroU64::new(rate))
    }

    fn taken(stream: &Stream, bytes: u64) -> bool {
        stream.moved(bytes);
        stream.asked()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_below_the_rate_is_too_slow() {
        let stream = paced(1000);
        // What the windows take at first buys no time.
        stream.give(1 << 20);
        let mut waited = Duration::ZERO;
        let mut bytes = 1 << 20;
        loop {
            tokio::time::advance(Duration::from_secs(1)).await;
            waited += Duration::from_secs(1);
            if taken(&stream, bytes) {
                break;
            }
            bytes = 10;
            stream.give(bytes);
        }
        assert_eq!(waited, GRACE + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_the_rate_is_not_and_a_slow_endpoint_costs_nothing() {
        let stream = paced(1000);
        for _ in 0..100 {
            stream.give(1000);
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(!taken(&stream, 1000));
            tokio::time::advance(Duration::from_secs(60)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_takes_nothing_is_stuck_by_the_earlier_limit() {
        let (stream, began) = (paced(0), Time::TOKIO.now());
        stream.give(10);
        assert!(!stream.stands(began, WRITE) && !stream.stands(began + WRITE / 2, WRITE));
        assert!(stream.stands(began + WRITE, WRITE) && !stream.lags(began + WRITE));
        let stream = paced(1);
        stream.give(10);
        assert!(!stream.lags(began + GRACE / 2) && stream.lags(began + GRACE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_stuck_where_all_of_its_streams_are() {
        let (streams, began) = (streams(), Time::TOKIO.now());
        let (stuck, quiet) = (streams.open(), streams.open());
        stuck.give(10);
        assert_eq!(streams.look(began, WRITE), Look::Sound);
        assert_eq!(streams.look(began + WRITE, WRITE), Look::Sound, "another one has nothing to take");
        drop(quiet);
        assert_eq!(streams.look(began + WRITE, WRITE), Look::Stuck);
        stuck.moved(5);
        assert_eq!(streams.look(began + WRITE * 2, WRITE), Look::Sound);
    }

    #[tokio::test(start_paused = true)]
    async fn too_much_in_all_closes_what_stands_and_holds_most() {
        let all = Rc::<Unsent>::default();
        all.set_limit(100);
        let slow = Registry::new().counter(Desc::new("slow_total", "")).unwrap();
        let connection = || Streams::new(Time::TOKIO, slow.clone(), Rc::default(), &all);
        let connections = [connection(), connection(), connection()];
        let held: Vec<Open> = connections.iter().map(Streams::open).collect();
        for (stream, bytes) in held.iter().zip([60, 80, 90]) {
            stream.give(bytes);
        }
        assert!(held[0].must_wait(), "nobody has stood still yet");
        held[2].moved(10);
        tokio::time::advance(PAUSE_AND_MORE).await;
        assert!(held[0].must_wait());
        let mut closed = connections.iter().map(|streams| {
            let mut closed = std::pin::pin!(streams.closed());
            closed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
        });
        assert_eq!([closed.next(), closed.next(), closed.next()], [Some(true), Some(true), Some(false)]);
    }

    const PAUSE_AND_MORE: Duration = Duration::from_secs(2);
}
