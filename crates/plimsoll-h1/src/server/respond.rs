//! Writing of a response, and the state of the connection after it.

use super::{
    bypass::Bypass,
    conn::ServerConn,
    error::{RespondError, RespondErrorKind},
    shared::RequestFacts,
    write_stall::WriteStall,
};
use crate::{
    encode::{self, Announce, FieldWriter, Persistence},
    fields::{Fields, FieldsRef, Kind},
    outgoing::Mode,
    splice::Splice,
    transport::Transport,
    turn::Turn,
};
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::Body;
use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
};

/// The use of a connection after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another request may follow.
    Request,
    /// None: [`close`](ServerConn::close) it.
    Close,
    /// The other protocol: take the socket by [`into_parts`](ServerConn::into_parts).
    Upgrade,
}

/// A response that was sent whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The use of the connection from here on.
    pub next: Next,
    /// The bytes of body sent, framing not counted.
    pub body_bytes: u64,
}

/// The head of a response to relay.
pub struct Outbound<'a> {
    /// The status.
    pub status: StatusCode,
    /// The fields. The engine writes framing and `Connection` itself; `Connection: close` closes the connection.
    pub fields: Fields,
    /// A function that adds fields.
    pub extra: &'a dyn Fn(&mut FieldWriter<'_>),
}

impl Outbound<'_> {
    /// Creates a head without extra fields.
    pub fn new(status: StatusCode, fields: Fields) -> Self {
        Self { status, fields, extra: &|_| {} }
    }
}

impl fmt::Debug for Outbound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut head = f.debug_struct("Outbound");
        head.field("status", &self.status).field("fields", &self.fields).finish_non_exhaustive()
    }
}

/// A response whose head is encoded.
struct Begun {
    /// The bytes that waited before it.
    before: usize,
    status: StatusCode,
    /// The connection closes after the response.
    close: bool,
}

/// The framing of a response, and its announcement in the head.
struct Plan {
    announce: Announce,
    mode: Mode,
    open: bool,
    close: bool,
}

impl Plan {
    fn new<B: Body>(
        status: StatusCode,
        headers: FieldsRef<'_>,
        body: &B,
        asked: RequestFacts,
    ) -> Option<Self> {
        let stated = match headers.known(Kind::ContentLength) {
            Some(value) => Some(str::from_utf8(value).ok()?.parse::<u64>().ok()?),
            None => None,
        };
        let exact = if body.is_end_stream() { Some(0) } else { body.size_hint().exact() };
        let switching = status == StatusCode::SWITCHING_PROTOCOLS;
        if switching || status == StatusCode::NO_CONTENT {
            return Some(Self { announce: Announce::Nothing, mode: Mode::None, open: false, close: false });
        }
        if asked.head_only || status == StatusCode::NOT_MODIFIED {
            // The length is that of the body which is not sent; an empty body says nothing about it.
            let length = stated.or(exact.filter(|length| *length > 0));
            let announce = length.map_or(Announce::Nothing, Announce::Length);
            return Some(Self { announce, mode: Mode::None, open: false, close: false });
        }
        if matches!((stated, exact), (Some(stated), Some(exact)) if stated != exact) {
            return None;
        }
        let open = !body.is_end_stream();
        Some(match (exact.or(stated), asked.modern) {
            (Some(length), _) => {
                Self { announce: Announce::Length(length), mode: Mode::Length(length), open, close: false }
            }
            (None, true) => Self { announce: Announce::Chunked, mode: Mode::Chunked, open, close: false },
            (None, false) => Self { announce: Announce::Nothing, mode: Mode::UntilClose, open, close: true },
        })
    }
}

impl<IO: Transport> ServerConn<IO> {
    /// Responds to the current request, or to the one that was refused.
    ///
    /// The head leaves with the first chunk of the body in one write, if that chunk is there at once. An exact length of
    /// the body is announced; without one the response is chunked, or ends with the connection for HTTP/1.0. Frames are
    /// fetched as the client takes them.
    ///
    /// # Errors
    /// If the body or the connection fails. If the client may have seen a part, the connection is broken before this
    /// returns, so that a short body is never taken for whole. If nothing was written yet, another response may be given.
    ///
    /// Not cancel safe: if the future is dropped before it is done, drop the connection too.
    pub async fn respond<B>(&mut self, response: Response<B>) -> Result<Sent, RespondError<B::Error>>
    where
        B: Body<Data = Bytes>,
    {
        let (head, body) = response.into_parts();
        let begun = self.begin(head.status, (&head.headers).into(), &body, &|_| {})?;
        drop(head);
        self.write_response(begun, body, Bypass::never()).await
    }

    /// Responds as [`respond`](Self::respond) does, with a head whose fields are no map; a large body of known length goes
    /// from socket to socket without passing through this process, where both are plain TCP and the system supports it.
    ///
    /// # Errors
    /// As [`respond`](Self::respond).
    pub async fn relay<B>(&mut self, head: Outbound<'_>, body: B) -> Result<Sent, RespondError<B::Error>>
    where
        B: Body<Data = Bytes> + Splice,
    {
        let begun = self.begin(head.status, (&head.fields).into(), &body, head.extra)?;
        // What it holds of the buffer it was read into is needed for other responses.
        drop(head);
        self.write_response(begun, body, Bypass::known()).await
    }

    async fn write_response<B>(
        &mut self,
        begun: Begun,
        body: B,
        mut bypass: Bypass<B>,
    ) -> Result<Sent, RespondError<B::Error>>
    where
        B: Body<Data = Bytes>,
    {
        let Begun { before, status, close } = begun;
        let mut stall = WriteStall::new(self.config.write_stall, self.config.write_rate);
        let mut turn = Turn::default();
        let written = {
            // It is dropped once the client has taken all of it, before the rest of the request is waited for: what it holds,
            // such as its call's place, is free then.
            let mut body = pin!(body);
            poll_fn(|cx| self.poll_response(cx, body.as_mut(), &mut stall, &mut bypass, &mut turn)).await
        };
        bypass.finish();
        let body_bytes = self.shared.borrow().out.body_bytes();
        if let Err(kind) = written {
            return Err(self.give_up(before, kind));
        }
        let next = if status == StatusCode::SWITCHING_PROTOCOLS {
            Next::Upgrade
        } else if close || !self.finish_request().await {
            Next::Close
        } else {
            Next::Request
        };
        Ok(Sent { next, body_bytes })
    }

    /// Encodes the head.
    fn begin<B: Body>(
        &mut self,
        status: StatusCode,
        headers: FieldsRef<'_>,
        body: &B,
        extra: &dyn Fn(&mut FieldWriter<'_>),
    ) -> Result<Begun, RespondError<B::Error>> {
        let refuse = |kind| Err(RespondError { kind, started: false });
        let shared = &mut *self.shared.borrow_mut();
        let before = shared.out.waiting();
        let asked = shared.asked;
        let switching = status == StatusCode::SWITCHING_PROTOCOLS;
        if status.is_informational() && !(switching && asked.upgrade) {
            return refuse(RespondErrorKind::Status);
        }
        let Some(plan) = Plan::new(status, headers, body, asked) else {
            return refuse(RespondErrorKind::Length);
        };
        // A client that waits for `100 Continue` may send the body all the same: the start of the next request is unknown.
        let unsure = !shared.body.is_done()
            && (shared.owes_continue
                || shared.body.is_broken()
                || shared.body_dropped
                    && shared.body.left().is_some_and(|left| left > self.config.drain_unread));
        let close = plan.close
            || unsure
            || !asked.keep_alive
            || self.drain.has_begun()
            || headers.known(Kind::Connection) == Some(b"close");
        let persistence = match (switching, close, asked.modern) {
            (true, ..) => Persistence::Upgrade,
            (_, true, _) => Persistence::Close,
            (_, _, true) => Persistence::Silent,
            (_, _, false) => Persistence::KeepAlive,
        };
        shared.responding = true;
        encode::response(shared.out.buf(), status, headers, plan.announce, persistence, extra);
        shared.out.begin(plan.mode, plan.open);
        Ok(Begun { before, status, close })
    }

    fn poll_response<B>(
        &mut self,
        cx: &mut Context<'_>,
        mut body: Pin<&mut B>,
        stall: &mut WriteStall,
        bypass: &mut Bypass<B>,
        turn: &mut Turn,
    ) -> Poll<Result<(), RespondErrorKind<B::Error>>>
    where
        B: Body<Data = Bytes>,
    {
        let length = |_| RespondErrorKind::Length;
        {
            let shared = self.shared.borrow();
            let written = shared.out.written();
            turn.begin(written);
            if let Some(io) = &shared.io {
                self.lead.follow(written, io);
            }
        }
        loop {
            match self.poll_bypass(cx, body.as_mut(), stall, bypass, turn) {
                Poll::Ready(done) => done?,
                Poll::Pending => return self.poll_left(cx),
            }
            let mut waits = false;
            // The body may read this very connection (an upload that goes on), so it is polled unborrowed.
            while !waits && self.shared.borrow().out.wants_frame() {
                match body.as_mut().poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => {
                        let last = body.is_end_stream();
                        self.shared.borrow_mut().out.push(frame, last).map_err(length)?;
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(RespondErrorKind::Body(error))),
                    Poll::Ready(None) => self.shared.borrow_mut().out.finish().map_err(length)?,
                    Poll::Pending => waits = true,
                }
            }
            let mut borrowed = self.shared.borrow_mut();
            let shared = &mut *borrowed;
            let Some(io) = &mut shared.io else {
                return Poll::Ready(Err(RespondErrorKind::Io(std::io::ErrorKind::NotConnected.into())));
            };
            match shared.out.poll_flush(io, cx) {
                Poll::Ready(Ok(())) if shared.out.is_done() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {
                    stall.over();
                    if waits || turn.is_over(shared.out.written(), cx) {
                        break;
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(RespondErrorKind::Io(error))),
                Poll::Pending => {
                    let written = shared.out.written();
                    drop(borrowed);
                    return bypass.poll_blocked(cx, body, stall, written).map(Err);
                }
            }
        }
        self.poll_left(cx)
    }

    /// Watches for the client's end: while nothing is written, only reading shows it.
    fn poll_left<E>(&self, cx: &mut Context<'_>) -> Poll<Result<(), RespondErrorKind<E>>> {
        self.poll_gone(cx).map(|()| Err(RespondErrorKind::Io(std::io::ErrorKind::ConnectionAborted.into())))
    }

    /// Breaks the connection, or withdraws the response if nothing of it was written.
    #[cold]
    fn give_up<E>(&mut self, before: usize, kind: RespondErrorKind<E>) -> RespondError<E> {
        let shared = &mut *self.shared.borrow_mut();
        let lost = matches!(kind, RespondErrorKind::Io(_) | RespondErrorKind::Stalled);
        let started = lost || shared.out.written() > 0;
        if started {
            if let Some(mut io) = shared.io.take() {
                // Bytes fetched before the failure are sent only if the socket accepts them at once.
                let _ = shared.out.poll_flush(&mut io, &mut Context::from_waker(std::task::Waker::noop()));
                if shared.out.ends_with_connection() {
                    let _ = io.reset_on_close();
                }
            }
            shared.ended = true;
        } else {
            shared.out.take_back(before);
            shared.responding = false;
        }
        RespondError { kind, started }
    }

    /// Reads over the rest of the request and returns whether another can follow.
    async fn finish_request(&mut self) -> bool {
        if !self.shared.borrow().body.is_done() {
            let drained = tokio::time::timeout(self.config.linger, self.drain_body()).await;
            if !matches!(drained, Ok(true)) {
                return false;
            }
        }
        self.shared.borrow_mut().forget_request();
        true
    }

    async fn drain_body(&self) -> bool {
        poll_fn(|cx| {
            let shared = &mut *self.shared.borrow_mut();
            let Some(io) = &mut shared.io else { return Poll::Ready(false) };
            shared.body.allow_at_most(self.config.drain_unread);
            loop {
                match shared.body.poll_frame(&mut shared.read, io, cx) {
                    Poll::Ready(Ok(Some(_))) => {}
                    Poll::Ready(end) => return Poll::Ready(end.is_ok()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }
}
