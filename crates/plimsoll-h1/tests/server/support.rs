//! Connections and bodies of the tests.

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use plimsoll_h1::{
    Drain, Incoming,
    server::{Idle, ServerConfig, ServerConn},
};
use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncReadExt as _, DuplexStream},
    net::{TcpListener, TcpStream},
};

/// Frames that come one a poll, with a wait before each where asked.
pub(crate) struct Frames {
    pieces: Vec<Result<Frame<Bytes>, &'static str>>,
    hint: Option<u64>,
    waits: bool,
}

impl Frames {
    pub(crate) fn of(pieces: &[&'static str]) -> Self {
        let mut frames: Vec<_> =
            pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))).collect();
        frames.reverse();
        Self { pieces: frames, hint: None, waits: false }
    }

    pub(crate) fn exact(mut self, length: u64) -> Self {
        self.hint = Some(length);
        self
    }

    pub(crate) fn then(mut self, last: Result<Frame<Bytes>, &'static str>) -> Self {
        self.pieces.insert(0, last);
        self
    }

    pub(crate) fn waiting(mut self) -> Self {
        self.waits = true;
        self
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        if std::mem::take(&mut self.waits) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.pieces.pop())
    }

    fn size_hint(&self) -> SizeHint {
        self.hint.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

pub(crate) async fn loopback() -> (ServerConn<TcpStream>, TcpStream) {
    loopback_with(ServerConfig::default()).await
}

pub(crate) async fn loopback_with(config: ServerConfig) -> (ServerConn<TcpStream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(listener.accept(), TcpStream::connect(listener.local_addr().unwrap()));
    (ServerConn::new(near.unwrap().0, Rc::new(config), &Drain::new()), far.unwrap())
}

pub(crate) fn pipe(room: usize) -> (ServerConn<DuplexStream>, DuplexStream) {
    pipe_with(room, ServerConfig::default())
}

pub(crate) fn pipe_with(room: usize, config: ServerConfig) -> (ServerConn<DuplexStream>, DuplexStream) {
    let (near, far) = tokio::io::duplex(room);
    (ServerConn::new(near, Rc::new(config), &Drain::new()), far)
}

pub(crate) async fn next<IO: plimsoll_h1::Transport>(conn: &mut ServerConn<IO>) -> Request<Incoming> {
    assert_eq!(conn.idle(std::future::pending()).await, Idle::Ready);
    conn.next_request(std::future::pending()).await.unwrap().unwrap().into_request()
}

pub(crate) fn text(body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    response.headers_mut().insert("date", HeaderValue::from_static("d"));
    response
}

pub(crate) fn frames(frames: Frames) -> Response<Frames> {
    let mut response = Response::new(frames);
    response.headers_mut().insert("date", HeaderValue::from_static("d"));
    response
}

/// Reads until `end`, or panics with what came.
pub(crate) async fn read_to<R: tokio::io::AsyncRead + Unpin>(io: &mut R, end: &str) -> String {
    let mut got = Vec::new();
    while !got.ends_with(end.as_bytes()) {
        let Ok(byte) = io.read_u8().await else { panic!("ended after {:?}", String::from_utf8_lossy(&got)) };
        got.push(byte);
    }
    String::from_utf8(got).unwrap()
}

pub(crate) async fn read_all<R: tokio::io::AsyncRead + Unpin>(io: &mut R) -> String {
    let mut got = String::new();
    io.read_to_string(&mut got).await.unwrap();
    got
}

pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(std::task::Waker::noop()))
}

pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
