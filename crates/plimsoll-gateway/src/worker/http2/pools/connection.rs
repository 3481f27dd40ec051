use super::super::{
    Local,
    still::Still,
    wire::{Wire, Wired},
};
use super::slot::Slot;
use crate::{pool::Birth, proxy::Upload, spec::PoolSpec};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use plimsoll::{
    Instant, driver,
    http::http2::{PING_TIMEOUT, SEND_BUFFER, connection_window},
};
use slab::Slab;
use std::{
    cell::{Cell, RefCell},
    fmt,
    future::poll_fn,
    net::IpAddr,
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};
use tokio::net::TcpStream;

/// What h2 itself takes of an answer's head. Above it the stream ends as if the endpoint had broken the protocol, so it
/// lies well above what is taken of a head, which is asked of each answer.
const HEAD: u32 = 256 * 1024;

/// An upload whose next part the endpoint has not taken for so long holds up others: they take another connection.
const STALL: Duration = Duration::from_millis(100);

type Sender = http2::SendRequest<Upload>;
type Hyper = http2::Connection<TokioIo<Wired<TcpStream>>, Upload, Local>;

/// A connection to an endpoint.
pub(super) struct Connection {
    sender: Sender,
    /// Driven by a task; looked at for what the endpoint allows. `None` once it has ended.
    hyper: Rc<RefCell<Option<Hyper>>>,
    wire: Rc<Wire>,
    wire_still: Still,
    /// Where it goes.
    peer: Option<IpAddr>,
    birth: Birth,
    /// Streams that are open.
    streams: Cell<u32>,
    /// Requests so far.
    requests: Cell<u32>,
    /// Since when a part of an upload has been handed over that has not been taken.
    uploads: RefCell<Slab<Instant>>,
    /// Requests so far when it was last swept, and since when that was all.
    idle: Cell<(u32, Option<Instant>)>,
}

impl Connection {
    /// Shakes hands over this socket.
    pub(super) async fn new(socket: TcpStream, spec: &PoolSpec, birth: Birth) -> hyper::Result<Self> {
        let peer = socket.peer_addr().ok().map(|peer| peer.ip());
        let (io, wire) = Wired::new(socket);
        let streams = spec.streams.get();
        let (sender, hyper) = http2::Builder::new(Local)
            .timer(TokioTimer::new())
            .max_header_list_size(HEAD)
            .initial_stream_window_size(spec.window)
            .initial_connection_window_size(connection_window(spec.window, streams))
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(spec.ping)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(false)
            .handshake(TokioIo::new(io))
            .await?;
        let hyper = Rc::new(RefCell::new(Some(hyper)));
        let driven = Rc::clone(&hyper);
        tokio::task::spawn_local(async move {
            // What breaks it, its requests are told.
            let _ended = poll_fn(|cx| match &mut *driven.borrow_mut() {
                Some(hyper) => Pin::new(hyper).poll(cx),
                None => Poll::Ready(Ok(())),
            })
            .await;
            let ended = driven.borrow_mut().take();
            drop(ended);
        });
        Ok(Self {
            sender,
            hyper,
            wire,
            wire_still: Still::default(),
            peer,
            birth,
            streams: Cell::new(0),
            requests: Cell::new(0),
            uploads: RefCell::default(),
            idle: Cell::new((0, None)),
        })
    }

    /// Whether it is fit for new requests: open, and neither too old nor used for as many as may be.
    pub(super) fn is_usable(&self, spec: &PoolSpec) -> bool {
        let worn = spec.requests.is_some_and(|most| self.requests.get() >= most.get());
        // Only where an age is set is the clock asked.
        let aged = spec.age.is_some_and(|age| self.birth.is_over(driver::now(), age));
        !worn && !aged && !self.sender.is_closed()
    }

    /// Whether one more stream may be opened.
    pub(super) fn has_room(&self, spec: &PoolSpec) -> bool {
        let streams = self.streams.get();
        // A connection's task may be looking at it just now.
        let allowed = self
            .hyper
            .try_borrow()
            .map_or(usize::MAX, |hyper| hyper.as_ref().map_or(0, Hyper::current_max_send_streams));
        streams < spec.streams.get() && (streams as usize) < allowed
    }

    /// Whether the endpoint has not taken what is sent to it for a while: its window for uploads, or its socket, is full.
    pub(super) fn is_stalled(&self, uploads: bool) -> bool {
        let waiting = self.uploads.borrow();
        if !self.wire.is_blocked() && (!uploads || waiting.is_empty()) {
            return false;
        }
        let now = driver::now();
        let socket = self.wire_still.lasts(self.wire.written(), self.wire.is_blocked(), now, STALL);
        socket || uploads && waiting.iter().any(|(_, since)| now.since(*since) >= STALL)
    }

    /// Whether it has been without a request for so long, as far as sweeps tell.
    pub(super) fn is_idle(&self, now: Instant, most: Duration) -> bool {
        let (requests, since) = self.idle.get();
        if self.streams.get() > 0 || requests != self.requests.get() {
            self.idle.set((self.requests.get(), None));
            return false;
        }
        let since = since.unwrap_or(now);
        self.idle.set((requests, Some(since)));
        now.since(since) >= most
    }

    /// Where it goes, if its socket tells.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    pub(super) fn streams(&self) -> u32 {
        self.streams.get()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("streams", &self.streams.get()).finish_non_exhaustive()
    }
}

/// A place for one stream on a connection, until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Rc<Connection>,
    slot: Rc<Slot>,
}

impl Lease {
    pub(super) fn new(connection: &Rc<Connection>, slot: &Rc<Slot>) -> Self {
        connection.streams.set(connection.streams.get() + 1);
        connection.requests.set(connection.requests.get().saturating_add(1));
        Self { connection: Rc::clone(connection), slot: Rc::clone(slot) }
    }

    /// What sends the request.
    pub(crate) fn sender(&self) -> Sender {
        self.connection.sender.clone()
    }

    /// A part of the request's body has been handed over, and more of it is there: from now on it is seen how long the
    /// endpoint takes for it.
    pub(crate) fn part_given(&self) -> usize {
        self.connection.uploads.borrow_mut().insert(driver::now())
    }

    /// The part that was handed over has been taken, or is not sent any more.
    pub(crate) fn part_taken(&self, part: usize) {
        self.connection.uploads.borrow_mut().remove(part);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.connection.streams.set(self.connection.streams.get() - 1);
        self.slot.freed();
    }
}
