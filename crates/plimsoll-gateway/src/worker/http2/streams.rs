//! The streams of one client's connection, seen from outside: h2 knows neither idle connections nor clients that take
//! nothing, or too little.

use super::stream::{Open, Stream};
use crate::{
    h1::semantics::list_size,
    http2::{Still, Wire},
    proxy::LastClientFields,
    worker::unsent::{ClientConnection, Unsent, UnsentEntry},
};
use http::HeaderMap;
use plimsoll::{driver::Time, policy::Instant, telemetry::Counter};
use slab::Slab;
use std::{
    cell::{Cell, RefCell},
    num::NonZeroU64,
    rc::Rc,
    time::Duration,
};
use tokio::sync::Notify;

/// How often streams are looked at while one is open and there is a least rate.
const LOOK: Duration = Duration::from_secs(1);

/// Into how many looks the time is divided for which a client may take nothing.
const LOOKS: u32 = 4;

/// Bytes that one connection's streams may together read ahead. Above it, each has at most one part under way.
const CROWDED: u64 = 1 << 20;

/// Bytes of interim responses that one connection may hand over before its socket has taken any of them.
const MOST_INTERIM: u64 = 64 * 1024;

/// Which streams are open, since when none is, and what their client takes.
#[derive(Debug)]
pub(super) struct Streams {
    open: RefCell<Slab<Rc<Stream>>>,
    since: Cell<Instant>,
    time: Time,
    /// Responses given up.
    slow: Counter,
    /// Bytes of responses that h2 holds.
    unsent: Cell<u64>,
    /// Bytes of responses that the client has taken.
    moved: Cell<u64>,
    /// [`Self::moved`] when last asked whether it has stood still.
    asked: Cell<Option<u64>>,
    still: Still,
    wire: Rc<Wire>,
    wire_still: Still,
    all: Rc<Unsent>,
    entry: RefCell<Option<UnsentEntry>>,
    closed: Notify,
    /// The fields about the client.
    pub(super) client_fields: LastClientFields,
    /// Bytes of interim responses handed over since [`Self::wire`] had taken so many.
    interim: Cell<(u64, u64)>,
}

/// The finding of a look at a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// It can go on.
    Sound,
    /// Its client takes nothing at all: neither its socket, nor any of the responses that are open.
    Stuck,
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
            entry: RefCell::default(),
            closed: Notify::new(),
            client_fields: LastClientFields::default(),
            interim: Cell::new((0, 0)),
        });
        let this = Rc::downgrade(&streams);
        *streams.entry.borrow_mut() = Some(all.enter(this));
        streams
    }

    /// Counts a stream until what comes of this is dropped.
    pub(super) fn open(self: &Rc<Self>) -> Open {
        let open = Open::new(self);
        open.set_index(self.open.borrow_mut().insert(Rc::clone(open.stream())));
        open
    }

    /// The stream with this index is over.
    pub(super) fn ended(&self, index: usize) {
        let mut open = self.open.borrow_mut();
        open.remove(index);
        if open.is_empty() {
            self.since.set(self.time.now());
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.time.now()
    }

    /// So many bytes of a response are handed over.
    pub(super) fn give(&self, bytes: u64) {
        self.unsent.set(self.unsent.get() + bytes);
        self.all.hold(bytes);
    }

    /// The client has taken so many bytes, which are [released](Self::release) besides.
    pub(super) fn moved(&self, bytes: u64) {
        self.moved.set(self.moved.get() + bytes);
    }

    /// So many bytes are not held any more.
    pub(super) fn release(&self, bytes: u64) {
        self.unsent.set(self.unsent.get() - bytes);
        self.all.release(bytes);
    }

    /// Whether no stream that has something under way may have more.
    pub(super) fn is_crowded(&self) -> bool {
        if self.all.is_over() {
            self.all.relieve(self.time.now());
            return true;
        }
        self.unsent.get() > CROWDED
    }

    /// A response has been given up.
    pub(super) fn gave_up(&self) {
        self.slow.inc();
    }

    /// Whether an interim response with these fields may be handed over, which no window bounds: only to a client that
    /// reads.
    pub(super) fn takes_interim(&self, fields: &HeaderMap) -> bool {
        let written = self.wire.written();
        let (since, handed) = self.interim.get();
        let handed = if since == written { handed } else { 0 };
        let handed = handed + list_size(fields) as u64;
        let takes = !self.wire.is_blocked() && handed <= MOST_INTERIM;
        if takes {
            self.interim.set((written, handed));
        }
        takes
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

    /// Gives up the responses of which the client has taken nothing for so long, or too little: their endpoints are free
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
                stream.cancel();
            }
        }
        if socket || all && nothing_else { Look::Stuck } else { Look::Sound }
    }

    /// Waits until the connection is to be closed. Cancel safe.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }

    /// The connection has ended: nothing of it can be closed any more.
    pub(super) fn leave(&self) {
        self.entry.borrow_mut().take();
    }
}

impl ClientConnection for Streams {
    fn unsent(&self) -> u64 {
        self.unsent.get()
    }

    fn has_stood_since_last_asked(&self) -> bool {
        let moved = self.moved.get();
        self.asked.replace(Some(moved)) == Some(moved) && self.unsent.get() > 0
    }

    fn close(&self) {
        self.slow.inc();
        self.closed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h1::Pace;
    use plimsoll::telemetry::{Desc, Registry};
    use std::task::{Context, Waker};

    const GRACE: Duration = Pace::GRACE;
    const WRITE: Duration = Duration::from_secs(30);

    fn streams() -> Rc<Streams> {
        let slow = Registry::new().counter(Desc::new("slow_total", "")).unwrap();
        let all = Rc::<Unsent>::default();
        all.set_limit(u64::MAX);
        Streams::new(Time::TOKIO, slow, Rc::default(), &all)
    }

    fn paced(rate: u64) -> Open {
        let open = streams().open();
        open.paced(NonZeroU64::new(rate));
        open
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

    #[tokio::test(start_paused = true)]
    async fn interim_responses_wait_only_for_a_client_that_reads() {
        let streams = streams();
        let mut fields = HeaderMap::new();
        fields.insert("x", "a".repeat(8000).parse().unwrap());
        let taken = (0..100).filter(|_| streams.takes_interim(&fields)).count();
        assert_eq!(taken, 8, "as long as the socket takes nothing");
    }

    const PAUSE_AND_MORE: Duration = Duration::from_secs(2);
}
