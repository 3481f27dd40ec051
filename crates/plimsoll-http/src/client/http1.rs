//! One HTTP/1.1 connection, driven by whoever uses it.
//!
//! hyper's connection is a future that is usually given a task of its own; every request then goes to that task and back.
//! Here the task that waits for the response polls the connection itself. That saves two wakes a request, an abandoned
//! request's connection is gone with it, and what has gone out over the wire can be told exactly.

use super::{
    io::{Io, Wire},
    pool::Opened,
    upload::{Progress, Upload},
};
use http::{Request, Response};
use hyper::{body::Incoming, client::conn::http1};
use plimsoll_driver::Marks;
use plimsoll_policy::Instant;
use std::{
    fmt,
    future::poll_fn,
    net::IpAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};
use tokio::task::coop::unconstrained;

/// A connection, at rest or in use.
pub(super) struct Http1Connection {
    sender: http1::SendRequest<Upload>,
    /// `None` once it has ended.
    connection: Option<http1::Connection<Io, Upload>>,
    wire: Arc<Wire>,
    /// Whom it goes to.
    pub(super) peer: IpAddr,
    pub(super) made: Instant,
    requests: u64,
    /// When it was last put to rest.
    pub(super) rested: Instant,
    _opened: Opened,
}

/// Why an exchange brought no response.
pub(super) struct Broke {
    pub(super) error: Option<hyper::Error>,
    /// The request, if it never left.
    pub(super) unsent: Option<Request<Upload>>,
    /// Bytes of it have gone out.
    pub(super) wrote: bool,
}

impl Http1Connection {
    pub(super) fn new(
        sender: http1::SendRequest<Upload>,
        connection: http1::Connection<Io, Upload>,
        wire: Arc<Wire>,
        peer: IpAddr,
        opened: Opened,
        made: Instant,
    ) -> Self {
        let connection = Some(connection);
        Self { sender, connection, wire, peer, made, requests: 0, rested: made, _opened: opened }
    }

    /// Requests so far.
    pub(super) const fn requests(&self) -> u64 {
        self.requests
    }

    /// Sends a request and waits for the head of its response, driving the connection meanwhile.
    ///
    /// Cancel safe in that nothing leaks: dropped half-way, the connection is of no further use and must be dropped too.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Upload>,
        marks: &Marks,
    ) -> Result<Response<Incoming>, Broke> {
        self.requests += 1;
        let mut watch = SendProgress::new(&self.wire, request.body());
        // Its waker is of no use: whatever it waits for, the connection brings, and that is polled first, by us. Without
        // the runtime's budget, since nobody would be woken when that runs out.
        let mut sent = pin!(unconstrained(self.sender.try_send_request(request)));
        let connection = &mut self.connection;
        let answered = poll_fn(|cx| {
            drive(connection, cx);
            watch.look(marks);
            if let Poll::Ready(result) = sent.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return Poll::Ready(Some(result));
            }
            if connection.is_none() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await;
        let wrote = watch.wrote();
        match answered {
            Some(Ok(response)) => Ok(response),
            Some(Err(mut refused)) => {
                let unsent = refused.take_message();
                Err(Broke { error: Some(refused.into_error()), unsent, wrote })
            }
            None => Err(Broke { error: None, unsent: None, wrote }),
        }
    }

    /// Goes on with what is under way: more of a body, either way.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.connection, cx);
    }

    /// Comes to rest after an exchange; says whether another one can follow.
    pub(super) fn rest(&mut self) -> bool {
        // Also takes the last user's waker off the socket, so that it is not woken for what is no longer its own.
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }
}

fn drive(connection: &mut Option<http1::Connection<Io, Upload>>, cx: &mut Context<'_>) {
    // An error reaches the exchange, or the body, that it broke.
    if let Some(open) = connection
        && Pin::new(open).poll(cx).is_ready()
    {
        *connection = None;
    }
}

/// The bytes that go out during one exchange.
struct SendProgress {
    wire: Arc<Wire>,
    begun: u64,
    seen: u64,
    body: Option<Arc<Progress>>,
    flushed: bool,
}

impl SendProgress {
    fn new(wire: &Arc<Wire>, body: &Upload) -> Self {
        let begun = wire.written();
        Self { wire: Arc::clone(wire), begun, seen: begun, body: body.progress(), flushed: false }
    }

    fn look(&mut self, marks: &Marks) {
        if self.flushed {
            return;
        }
        let written = self.wire.written();
        if written != self.seen {
            self.seen = written;
            marks.sent();
        }
        if let Some(body) = &self.body {
            // All that there was has gone out: it is the request's own body that is waited for.
            marks.waits_for_caller(body.is_waited_for() && !self.wire.is_blocked());
        }
        let ended = self.body.as_ref().is_none_or(|body| body.has_ended());
        if self.wrote() && ended && !self.wire.is_blocked() {
            self.flushed = true;
            marks.flushed();
        }
    }

    fn wrote(&self) -> bool {
        self.seen != self.begun
    }
}

impl fmt::Debug for Http1Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http1Connection").field("open", &self.connection.is_some()).finish_non_exhaustive()
    }
}
