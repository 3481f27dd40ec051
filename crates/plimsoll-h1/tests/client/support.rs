//! A connection, its upstream, and request bodies.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use plimsoll_h1::{
    BodyError, Incoming,
    client::{ClientConfig, ClientConn, Outbound},
};
use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A request body: its frames, then its end, its failure, or silence.
pub(crate) struct Upload {
    frames: Vec<Bytes>,
    end: End,
    exact: Option<u64>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum End {
    Clean,
    Failure,
    Never,
}

impl Upload {
    pub(crate) fn none() -> Self {
        Self { frames: Vec::new(), end: End::Clean, exact: Some(0) }
    }

    pub(crate) fn of(pieces: &[&'static str], end: End) -> Self {
        let frames = pieces.iter().rev().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
        Self { frames, end, exact: None }
    }

    pub(crate) fn exact(mut self, length: u64) -> Self {
        self.exact = Some(length);
        self
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match (self.frames.pop(), self.end) {
            (Some(data), _) => Poll::Ready(Some(Ok(Frame::data(data)))),
            (None, End::Clean) => Poll::Ready(None),
            (None, End::Failure) => Poll::Ready(Some(Err("upload broke"))),
            (None, End::Never) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.end == End::Clean
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.exact.map_or_else(http_body::SizeHint::default, http_body::SizeHint::with_exact)
    }
}

pub(crate) type Conn = ClientConn<TcpStream, Upload>;
pub(crate) type Shelf = Rc<RefCell<Vec<Conn>>>;

/// A connection that returns to the shelf, and the upstream's end of it.
pub(crate) async fn connect() -> (Conn, Shelf, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (far, near) = tokio::join!(listener.accept(), TcpStream::connect(listener.local_addr().unwrap()));
    let shelf = Shelf::default();
    let keep = Rc::clone(&shelf);
    let hook = Rc::new(move |conn| keep.borrow_mut().push(conn));
    (ClientConn::new(near.unwrap(), Rc::new(ClientConfig::default()), Some(hook)), shelf, far.unwrap().0)
}

pub(crate) fn fields(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    map.insert("host", HeaderValue::from_static("up"));
    for (name, value) in fields {
        map.insert(*name, HeaderValue::from_static(value));
    }
    map
}

pub(crate) async fn get(
    conn: Conn,
) -> Result<Response<Incoming>, plimsoll_h1::client::SendError<&'static str>> {
    send(conn, &Method::GET, Upload::none()).await
}

pub(crate) async fn send(
    conn: Conn,
    method: &Method,
    body: Upload,
) -> Result<Response<Incoming>, plimsoll_h1::client::SendError<&'static str>> {
    let headers = fields(&[]);
    let response = conn.send(Outbound::new(method, "/", &headers), body, &mut ()).await?;
    Ok(response.into_response().expect("nobody asked for an upgrade"))
}

/// Reads a request up to `end`, then writes `response`.
pub(crate) async fn script(upstream: &mut TcpStream, end: &str, response: &str) -> String {
    let mut got = Vec::new();
    while !got.ends_with(end.as_bytes()) {
        got.push(upstream.read_u8().await.unwrap());
    }
    upstream.write_all(response.as_bytes()).await.unwrap();
    String::from_utf8(got).unwrap()
}

pub(crate) async fn text(response: Response<Incoming>) -> Result<Bytes, BodyError> {
    response.into_body().collect().await.map(http_body_util::Collected::to_bytes)
}
