//! A connection to an upstream.

use super::{
    error::{SendError, SendErrorKind},
    exchange::Exchange,
    observer::Observer,
    response::ClientResponse,
};
use crate::{
    body::{BodySource, Incoming},
    body_reader::BodyReader,
    encode::{self, Announce, FieldWriter},
    fields::{FieldsRef, Kind},
    head_scanner::HeadScanner,
    limits::HeadLimits,
    outgoing::Mode,
    response_head::ResponseHead,
    transport::Transport,
};
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::Body;
use std::{
    cell::RefCell,
    fmt,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::io::ReadBuf;

/// A callback that takes a connection once its exchange has ended and it can be used again; usually it puts it into a
/// pool. One hook serves all connections of a pool.
pub type Hook<IO, B> = Rc<dyn Fn(ClientConn<IO, B>)>;

/// The configuration of client connections.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Limits of response heads and trailers. `target` is not used.
    pub limits: HeadLimits,
    /// The most interim responses before a final one. Default 100.
    pub interims: u8,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self { limits: HeadLimits::default(), interims: 100 }
    }
}

/// The head of a request to send, borrowed so that it can be sent again.
///
/// The engine adds framing and `Connection` itself: an `Upgrade` field makes `Connection: upgrade`. `Host` is the
/// caller's; without one, an empty `Host` is sent.
#[derive(Clone, Copy)]
pub struct Outbound<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target of the request line, usually a path and query. It must be free of spaces and control bytes, as those of
    /// [`http::Uri`] are.
    pub target: &'a str,
    /// The fields.
    pub fields: FieldsRef<'a>,
    /// A function that adds fields without a map.
    pub extra: &'a dyn Fn(&mut FieldWriter<'_>),
}

impl<'a> Outbound<'a> {
    /// Creates a head without extra fields.
    pub fn new(method: &'a Method, target: &'a str, fields: impl Into<FieldsRef<'a>>) -> Self {
        Self { method, target, fields: fields.into(), extra: &|_| {} }
    }
}

impl fmt::Debug for Outbound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("method", self.method)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// An HTTP/1.1 connection to an upstream, between two exchanges.
///
/// An exchange consumes it and returns it through its [`Hook`] once the response has been read to its clean end and the
/// request was written whole; otherwise the socket is closed. An idle connection holds no buffer.
pub struct ClientConn<IO, B> {
    exchange: Rc<RefCell<Exchange<IO, B>>>,
}

impl<IO, B> ClientConn<IO, B>
where
    IO: Transport,
    B: Body<Data = Bytes> + Unpin + 'static,
{
    /// Creates a connection from a connected socket.
    pub fn new(io: IO, config: Rc<ClientConfig>, hook: Option<Hook<IO, B>>) -> Self {
        Self { exchange: Rc::new(RefCell::new(Exchange::new(io, config, hook))) }
    }

    pub(super) fn from_exchange(exchange: Rc<RefCell<Exchange<IO, B>>>) -> Self {
        Self { exchange }
    }

    /// Returns the number of exchanges begun.
    pub fn exchanges(&self) -> u32 {
        self.exchange.borrow().exchanges
    }

    /// Returns whether the upstream has neither sent anything nor closed since the last exchange.
    ///
    /// It costs no system call while the runtime knows of nothing to read, and sees no further than the runtime's last
    /// look at its sockets: the connection may still turn out to be closed when it is used.
    pub fn is_reusable(&self) -> bool {
        let mut exchange = self.exchange.borrow_mut();
        let clean = exchange.is_clean();
        let Some(io) = exchange.io.as_mut().filter(|_| clean) else { return false };
        let mut cx = Context::from_waker(Waker::noop());
        if io.poll_readable(&mut cx).is_pending() {
            return true;
        }
        let mut byte = [0_u8; 1];
        let mut buf = ReadBuf::new(&mut byte);
        Pin::new(io).poll_read(&mut cx, &mut buf).is_pending()
    }

    /// Calls `look` with the socket, for its addresses and options; `None` once the connection is closed.
    pub fn with_io<R>(&self, look: impl FnOnce(&IO) -> R) -> Option<R> {
        self.exchange.borrow().io.as_ref().map(look)
    }

    /// Sends a request and reads the head of its response, both at once: an early response is seen while the body is still
    /// being sent. The rest of that body is sent as the response's body is read.
    ///
    /// The head leaves with the body's first chunk in one write, if that chunk is there at once.
    ///
    /// Not cancel safe: dropping the future closes the connection, unless the observer [spares](Observer::spares) it and the
    /// request had been sent. Then a local task reads and discards up to 64 KiB of the response for that time, and the
    /// connection is kept if the response ends cleanly.
    ///
    /// # Errors
    /// If no acceptable head of a response came, or the request's body failed.
    ///
    /// # Panics
    /// If the observer spares the connection and the runtime is not local (`spawn_local`).
    pub async fn send(
        self,
        head: Outbound<'_>,
        body: B,
        observer: &mut impl Observer,
    ) -> Result<ClientResponse<IO>, SendError<B::Error>> {
        self.begin(head, body);
        let mut sending = Sending { connection: Some(self), observer };
        let polled = poll_fn(|cx| sending.poll_head(cx)).await;
        let Some(this) = sending.connection.take() else { return Err(closed()) };
        match polled {
            Ok(head) => Ok(this.accept(head)),
            Err(kind) => Err(this.fail(kind)),
        }
    }

    fn begin(&self, head: Outbound<'_>, body: B) {
        let mut exchange = self.exchange.borrow_mut();
        let exact = if body.is_end_stream() { Some(0) } else { body.size_hint().exact() };
        let (announce, mode) = match exact {
            Some(0) if expects_no_body(head.method) => (Announce::Nothing, Mode::Length(0)),
            Some(length) => (Announce::Length(length), Mode::Length(length)),
            None => (Announce::Chunked, Mode::Chunked),
        };
        encode::request(exchange.out.buf(), head.method, head.target, head.fields, announce, head.extra);
        let open = !body.is_end_stream();
        exchange.out.begin(mode, open);
        exchange.upload = open.then_some(body);
        exchange.uploading = true;
        exchange.write_error = None;
        exchange.reported = 0;
        exchange.method.clone_from(head.method);
        exchange.asked_upgrade = head.fields.known(Kind::Upgrade).map(Box::from);
        exchange.interims = 0;
        exchange.response_begun = false;
        exchange.lines = HeadScanner::default();
        exchange.exchanges += 1;
    }

    fn accept(self, head: ResponseHead) -> ClientResponse<IO> {
        let mut exchange = self.exchange.borrow_mut();
        if head.status == StatusCode::SWITCHING_PROTOCOLS
            && let Some(io) = exchange.io.take()
        {
            let length = exchange.read.len();
            let leftover = exchange.read.split(length);
            return ClientResponse::Upgraded { head, io, leftover };
        }
        exchange.keep_alive = head.keep_alive;
        exchange.body = BodyReader::new(head.framing, &exchange.config.limits, u64::MAX);
        let (epoch, left) = (exchange.epoch, exchange.body.left());
        drop(exchange);
        let body = if left == Some(0) {
            Exchange::settle(self.exchange);
            Incoming::empty()
        } else {
            Incoming::new(self.exchange as Rc<dyn BodySource>, epoch, left)
        };
        ClientResponse::Response { head, body }
    }

    #[cold]
    fn fail(&self, kind: SendErrorKind<B::Error>) -> SendError<B::Error> {
        let mut exchange = self.exchange.borrow_mut();
        exchange.io = None;
        exchange.upload = None;
        SendError { kind, wrote: exchange.out.written() > 0, reused: exchange.exchanges > 1 }
    }
}

/// An exchange up to its response's head.
struct Sending<'o, IO: Transport, B: Body<Data = Bytes> + Unpin + 'static, O: Observer> {
    connection: Option<ClientConn<IO, B>>,
    observer: &'o mut O,
}

impl<IO, B, O> Sending<'_, IO, B, O>
where
    IO: Transport,
    B: Body<Data = Bytes> + Unpin + 'static,
    O: Observer,
{
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, SendErrorKind<B::Error>>> {
        match &self.connection {
            Some(connection) => connection.exchange.borrow_mut().poll_head(cx, self.observer),
            None => Poll::Ready(Err(SendErrorKind::Closed(None))),
        }
    }
}

impl<IO, B, O> Drop for Sending<'_, IO, B, O>
where
    IO: Transport,
    B: Body<Data = Bytes> + Unpin + 'static,
    O: Observer,
{
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if let Some(limit) = self.observer.spares()
            && connection.exchange.borrow().awaits_response()
        {
            tokio::task::spawn_local(drain_response(connection, limit));
        }
    }
}

/// The most bytes of an abandoned response that are read for the sake of its connection.
const MAX_DRAINED: u64 = 64 * 1024;

/// Reads and discards an abandoned response, so that the connection can be used again.
async fn drain_response<IO, B>(connection: ClientConn<IO, B>, limit: Duration)
where
    IO: Transport,
    B: Body<Data = Bytes> + Unpin + 'static,
{
    let heard = async {
        let head = poll_fn(|cx| connection.exchange.borrow_mut().poll_head(cx, &mut ())).await;
        let Ok(head) = head else { return };
        let ClientResponse::Response { mut body, .. } = connection.accept(head) else { return };
        let mut left = MAX_DRAINED;
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let read = frame.data_ref().map_or(0, |data| data.len() as u64);
            match left.checked_sub(read) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _ = tokio::time::timeout(limit, heard).await;
}

fn closed<E>() -> SendError<E> {
    SendError { kind: SendErrorKind::Closed(None), wrote: true, reused: false }
}

/// Methods for which a missing length already says that there is no body (RFC 9110, section 8.6).
fn expects_no_body(method: &Method) -> bool {
    !matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

impl<IO, B> fmt::Debug for ClientConn<IO, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConn").finish_non_exhaustive()
    }
}
