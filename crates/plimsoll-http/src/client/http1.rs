//! An HTTP/1.1 connection, driven by its user.
//!
//! hyper's connection is a future that usually runs in its own task; every request then goes to that task and back. Here
//! the task that waits for the response polls the connection itself. That saves two wakes per request, an abandoned
//! request closes its connection, and the bytes sent are known exactly.

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

/// A connection, idle or in use.
pub(super) struct Http1Connection {
    sender: http1::SendRequest<Upload>,
    /// `None` once it has ended.
    connection: Option<http1::Connection<Io, Upload>>,
    wire: Arc<Wire>,
    /// The address of the peer.
    pub(super) peer: IpAddr,
    pub(super) made: Instant,
    requests: u64,
    /// The time since which it is idle.
    pub(super) rested: Instant,
    _opened: Opened,
}

/// The error of an exchange without a response.
pub(super) struct Broke {
    pub(super) error: Option<hyper::Error>,
    /// The request, if it was not sent.
    pub(super) unsent: Option<Request<Upload>>,
    /// Whether bytes of it were sent.
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
    /// Cancel safe in that nothing leaks: after a drop half-way the connection is unusable and must be dropped too.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Upload>,
        marks: &Marks,
    ) -> Result<Response<Incoming>, Broke> {
        self.requests += 1;
        let mut watch = SendProgress::new(&self.wire, request.body());
        // Its waker is not needed: the connection, which is polled first, makes its progress. Without the runtime's budget,
        // since no task would be woken when that runs out.
        let mut sent = pin!(unconstrained(self.sender.try_send_request(request)));
        let connection = &mut self.connection;
        let response = poll_fn(|cx| {
            drive(connection, cx);
            watch.look(marks);
            if let Poll::Ready(result) = sent.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return Poll::Ready(Some(result));
            }
            if connection.is_none() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await;
        let wrote = watch.wrote();
        match response {
            Some(Ok(response)) => Ok(response),
            Some(Err(mut refused)) => {
                let unsent = refused.take_message();
                Err(Broke { error: Some(refused.into_error()), unsent, wrote })
            }
            None => Err(Broke { error: None, unsent: None, wrote }),
        }
    }

    /// Drives the exchange: more of either body.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.connection, cx);
    }

    /// Ends an exchange, and returns whether another one can follow.
    pub(super) fn rest(&mut self) -> bool {
        // This also removes the last user's waker from the socket.
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
            // All pending bytes were sent: the exchange waits for the request's own body.
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
