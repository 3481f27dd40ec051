use super::super::age::Birth;
use crate::{
    http2::{ERRORS, FRAME, KeepAlive, ListLimits, Still, Wire, Wired},
    spec::PoolSpec,
};
use bytes::Bytes;
use h2::client;
use plimsoll::{
    driver::{self, Time},
    http::http2::{SEND_BUFFER, connection_window},
    policy::Instant,
};
use slab::Slab;
use std::{
    cell::{Cell, RefCell},
    fmt,
    future::poll_fn,
    net::IpAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::net::TcpStream;

/// Bytes of a response's head, and of its trailers, that are taken at most: what an upstream may be set to.
const LISTS: usize = 128 * 1024;

/// An upload whose next part the endpoint has not taken for so long holds up others: they take another connection.
const STALL: Duration = Duration::from_millis(100);

/// Streams that may be opened before the endpoint has said how many it takes (RFC 9113, section 6.5.2).
const UNTOLD: usize = 100;

/// The handle by which requests are sent.
pub(crate) type Sender = client::SendRequest<Bytes>;

/// A connection to an endpoint.
pub(super) struct Connection {
    sender: RefCell<Sender>,
    wire: Rc<Wire>,
    wire_still: Still,
    /// Where it goes.
    peer: Option<IpAddr>,
    birth: Birth,
    /// Streams that are open, as its task sees it too.
    streams: Rc<Cell<u32>>,
    /// Requests so far.
    requests: Cell<u32>,
    /// Since when a part of an upload has been handed over that has not been taken.
    uploads: RefCell<Slab<Instant>>,
    /// Requests so far when it was last swept, and since when that was all.
    idle: Cell<(u32, Option<Instant>)>,
}

impl Connection {
    /// Shakes hands over this socket.
    pub(super) async fn new(socket: TcpStream, spec: &PoolSpec, birth: Birth) -> Result<Self, h2::Error> {
        let peer = socket.peer_addr().ok().map(|peer| peer.ip());
        let (io, wire) = Wired::to_server(socket, ListLimits::above(LISTS));
        let (sender, mut connection) = builder(spec).handshake(io).await?;
        let streams = Rc::<Cell<u32>>::default();
        let pings = spec.ping.zip(connection.ping_pong());
        let mut pings =
            pings.map(|(every, pings)| KeepAlive::new(pings, every, Rc::clone(&wire), Time::TOKIO));
        let open = Rc::clone(&streams);
        tokio::task::spawn_local(async move {
            // What breaks it, its requests are told.
            poll_fn(|cx| {
                if pings.as_mut().is_some_and(|pings| pings.poll(cx, open.get() == 0).is_ready()) {
                    return Poll::Ready(());
                }
                Pin::new(&mut connection).poll(cx).map(|_| ())
            })
            .await;
        });
        Ok(Self {
            sender: RefCell::new(sender),
            wire,
            wire_still: Still::default(),
            peer,
            birth,
            streams,
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
        !worn && !aged && self.takes_requests()
    }

    /// Whether it is open, and the endpoint has not said that it goes away.
    fn takes_requests(&self) -> bool {
        // Nothing is ever waited for.
        let mut cx = Context::from_waker(Waker::noop());
        matches!(self.sender.borrow_mut().poll_ready(&mut cx), Poll::Ready(Ok(())))
    }

    /// Whether one more stream may be opened.
    pub(super) fn has_room(&self, spec: &PoolSpec) -> bool {
        let streams = self.streams.get();
        streams < spec.streams.get() && (streams as usize) < self.sender.borrow().current_max_send_streams()
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

    /// One more stream is opened, for one more request.
    pub(super) fn stream_opened(&self) {
        self.streams.set(self.streams.get() + 1);
        self.requests.set(self.requests.get().saturating_add(1));
    }

    /// A stream has ended.
    pub(super) fn stream_closed(&self) {
        self.streams.set(self.streams.get() - 1);
    }

    pub(super) fn sender(&self) -> Sender {
        self.sender.borrow().clone()
    }

    /// A part of an upload has been handed over, after which there is more. Returns its number.
    pub(super) fn part_given(&self, now: Instant) -> usize {
        self.uploads.borrow_mut().insert(now)
    }

    /// The part with this number has been taken, or is not sent any more.
    pub(super) fn part_taken(&self, part: usize) {
        self.uploads.borrow_mut().remove(part);
    }
}

fn builder(spec: &PoolSpec) -> client::Builder {
    let mut builder = client::Builder::new();
    builder
        .enable_push(false)
        .initial_max_send_streams(UNTOLD)
        .max_header_list_size(ListLimits::above(LISTS).list)
        .initial_window_size(spec.window)
        .initial_connection_window_size(connection_window(spec.window, spec.streams.get()))
        .max_frame_size(FRAME)
        .max_local_error_reset_streams(Some(ERRORS))
        .max_send_buffer_size(SEND_BUFFER);
    builder
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("streams", &self.streams.get()).finish_non_exhaustive()
    }
}
