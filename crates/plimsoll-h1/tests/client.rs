//! The client side against scripted upstreams, over real sockets.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use plimsoll_h1::client::{Answer, ClientConfig, ClientConn, Observer, Outbound, SendFault};
use plimsoll_h1::{BodyError, Garbage, Incoming};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request body: its frames, then its end, its failure, or silence.
struct Upload {
    frames: Vec<Bytes>,
    end: End,
    exact: Option<u64>,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Clean,
    Failure,
    Never,
}

impl Upload {
    fn none() -> Self {
        Self { frames: Vec::new(), end: End::Clean, exact: Some(0) }
    }

    fn of(pieces: &[&'static str], end: End) -> Self {
        let frames = pieces.iter().rev().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
        Self { frames, end, exact: None }
    }

    fn exact(mut self, length: u64) -> Self {
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

type Conn = ClientConn<TcpStream, Upload>;
type Shelf = Rc<RefCell<Vec<Conn>>>;

/// A connection that returns to the shelf, and the upstream's end of it.
async fn connect() -> (Conn, Shelf, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (far, near) = tokio::join!(listener.accept(), TcpStream::connect(listener.local_addr().unwrap()));
    let shelf = Shelf::default();
    let keep = Rc::clone(&shelf);
    let hook = Rc::new(move |conn| keep.borrow_mut().push(conn));
    (ClientConn::new(near.unwrap(), Rc::new(ClientConfig::default()), Some(hook)), shelf, far.unwrap().0)
}

fn fields(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    map.insert("host", HeaderValue::from_static("up"));
    for (name, value) in fields {
        map.insert(*name, HeaderValue::from_static(value));
    }
    map
}

async fn get(conn: Conn) -> Result<Response<Incoming>, plimsoll_h1::client::SendError<&'static str>> {
    send(conn, &Method::GET, Upload::none()).await
}

async fn send(
    conn: Conn,
    method: &Method,
    body: Upload,
) -> Result<Response<Incoming>, plimsoll_h1::client::SendError<&'static str>> {
    let headers = fields(&[]);
    match conn.send(Outbound::new(method, "/", &headers), body, &mut ()).await? {
        Answer::Response(response) => Ok(response),
        Answer::Upgraded { .. } => panic!("nobody asked"),
    }
}

/// Reads a request up to `end`, then writes `answer`.
async fn script(upstream: &mut TcpStream, end: &str, answer: &str) -> String {
    let mut got = Vec::new();
    while !got.ends_with(end.as_bytes()) {
        got.push(upstream.read_u8().await.unwrap());
    }
    upstream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(got).unwrap()
}

async fn text(response: Response<Incoming>) -> Result<Bytes, BodyError> {
    response.into_body().collect().await.map(http_body_util::Collected::to_bytes)
}

#[tokio::test]
async fn a_connection_is_kept_after_a_clean_answer() {
    let (mut conn, shelf, mut upstream) = connect().await;
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\na: b\r\n\r\n",
    ] {
        let (response, request) = tokio::join!(get(conn), script(&mut upstream, "\r\n\r\n", answer));
        assert_eq!(request, "GET / HTTP/1.1\r\nhost: up\r\n\r\n");
        assert!(shelf.borrow().is_empty(), "kept only after the body's end");
        assert_eq!(text(response.unwrap()).await.unwrap(), "ok");
        conn = shelf.borrow_mut().pop().unwrap();
        assert!(conn.is_reusable());
    }
    let (response, _) =
        tokio::join!(get(conn), script(&mut upstream, "\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"));
    assert_eq!(response.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(shelf.borrow_mut().pop().unwrap().exchanges(), 4);
}

#[tokio::test]
async fn a_connection_is_not_kept_where_its_state_is_unsure() {
    for (answer, body) in [
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokstray", "ok"),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nstray", ""),
    ] {
        let (conn, shelf, mut upstream) = connect().await;
        let (response, _) = tokio::join!(get(conn), script(&mut upstream, "\r\n\r\n", answer));
        assert_eq!(text(response.unwrap()).await.unwrap(), body);
        assert!(shelf.borrow().is_empty(), "{answer}");
        assert_eq!(upstream.read(&mut [0]).await.unwrap_or(0), 0, "closed");
    }
}

#[tokio::test]
async fn what_ends_with_the_connection_is_whole() {
    let (conn, shelf, mut upstream) = connect().await;
    let serving = async {
        script(&mut upstream, "\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nuntil close").await;
        drop(upstream);
    };
    let (response, ()) = tokio::join!(get(conn), serving);
    assert_eq!(text(response.unwrap()).await.unwrap(), "until close");
    assert!(shelf.borrow().is_empty());
}

#[tokio::test]
async fn a_truncated_answer_is_an_error() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\n",
    ] {
        let (conn, shelf, mut upstream) = connect().await;
        let serving = async {
            script(&mut upstream, "\r\n\r\n", answer).await;
            drop(upstream);
        };
        let (response, ()) = tokio::join!(get(conn), serving);
        assert!(matches!(text(response.unwrap()).await, Err(BodyError::Truncated)), "{answer}");
        assert!(shelf.borrow().is_empty());
    }
}

#[tokio::test]
async fn an_upstream_that_left_while_idle_is_told_from_others() {
    let (conn, shelf, mut upstream) = connect().await;
    let (response, _) = tokio::join!(
        get(conn),
        script(&mut upstream, "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    );
    drop(response);
    let conn = shelf.borrow_mut().pop().unwrap();
    drop(upstream);
    let error = get(conn).await.unwrap_err();
    assert!(matches!(error.fault, SendFault::Closed(_)), "{error:?}");
    assert!(error.is_stale() && error.wrote);

    let (conn, _shelf, upstream) = connect().await;
    drop(upstream);
    let error = get(conn).await.unwrap_err();
    assert!(matches!(error.fault, SendFault::Closed(_)) && !error.is_stale());
}

#[tokio::test]
async fn an_idle_connection_that_spoke_or_closed_is_not_reused() {
    for stray in [&b"HTTP/1.1 408 Request Timeout\r\n\r\n"[..], b""] {
        let (conn, shelf, mut upstream) = connect().await;
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let (response, _) = tokio::join!(get(conn), script(&mut upstream, "\r\n\r\n", answer));
        drop(response);
        let conn = shelf.borrow_mut().pop().unwrap();
        assert!(conn.is_reusable());
        upstream.write_all(stray).await.unwrap();
        drop(upstream);
        while conn.is_reusable() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn garbage_has_a_reason() {
    let long = format!("HTTP/1.1 200 OK\r\na: {}", "x".repeat(40_000));
    let interims = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(101);
    for (answer, expected) in [
        ("SSH-2.0-OpenSSH\r\n\r\n", Garbage::StatusLine),
        ("HTTP/1.1 200 OK\n\n", Garbage::BareLineFeed),
        ("HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n", Garbage::Field),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", Garbage::Framing),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", Garbage::UnaskedUpgrade),
        (&long, Garbage::HeadTooLarge),
        (&interims, Garbage::TooManyInterim),
    ] {
        let (conn, _shelf, mut upstream) = connect().await;
        let (response, _) = tokio::join!(get(conn), script(&mut upstream, "\r\n\r\n", answer));
        let error = response.unwrap_err();
        assert!(
            matches!(error.fault, SendFault::Garbage(garbage) if garbage == expected),
            "{answer}: {error:?}"
        );
    }
    let (conn, _shelf, mut upstream) = connect().await;
    let serving = async {
        script(&mut upstream, "\r\n\r\n", "HTTP/1.1 200 OK\r\nConte").await;
        drop(upstream);
    };
    let (response, ()) = tokio::join!(get(conn), serving);
    assert!(matches!(response.unwrap_err().fault, SendFault::Truncated));
}

#[derive(Default)]
struct Log(Vec<String>);

impl Observer for Log {
    fn written(&mut self, bytes: u64) {
        self.0.push(format!("written {bytes}"));
    }

    fn sent(&mut self) {
        self.0.push("sent".into());
    }

    fn interim(&mut self, response: Response<()>) {
        self.0.push(format!("interim {}", response.status().as_u16()));
    }
}

#[tokio::test]
async fn an_exchange_can_be_watched() {
    let (conn, _shelf, mut upstream) = connect().await;
    let mut log = Log::default();
    let headers = fields(&[]);
    let outbound = Outbound::new(&Method::POST, "/x", &headers);
    let answer = "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let (sent, request) = tokio::join!(
        conn.send(outbound, Upload::of(&["ab", "cd"], End::Clean).exact(4), &mut log),
        script(&mut upstream, "abcd", answer)
    );
    assert!(matches!(sent.unwrap(), Answer::Response(_)));
    assert_eq!(request, "POST /x HTTP/1.1\r\nhost: up\r\ncontent-length: 4\r\n\r\nabcd");
    assert_eq!(
        log.0,
        [format!("written {}", request.len()), "sent".into(), "interim 103".into(), "interim 102".into()]
    );
}

#[tokio::test]
async fn an_unknown_length_is_chunked() {
    let (conn, _shelf, mut upstream) = connect().await;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let body = Upload::of(&["ab", "cde"], End::Clean);
    let (response, request) =
        tokio::join!(send(conn, &Method::PUT, body), script(&mut upstream, "0\r\n\r\n", answer));
    response.unwrap();
    assert_eq!(
        request,
        "PUT / HTTP/1.1\r\nhost: up\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
    );
}

#[tokio::test]
async fn an_empty_post_says_so() {
    let (conn, _shelf, mut upstream) = connect().await;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let (response, request) =
        tokio::join!(send(conn, &Method::POST, Upload::none()), script(&mut upstream, "\r\n\r\n", answer));
    response.unwrap();
    assert!(request.contains("content-length: 0\r\n"), "{request}");
}

#[tokio::test]
async fn an_early_answer_is_seen_during_an_upload() {
    let (conn, shelf, mut upstream) = connect().await;
    let answer = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge";
    let body = Upload::of(&["ab"], End::Never);
    let (response, _) = tokio::join!(send(conn, &Method::PUT, body), script(&mut upstream, "ab\r\n", answer));
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(text(response).await.unwrap(), "large");
    assert!(shelf.borrow().is_empty(), "half a request is still owed");
}

#[tokio::test]
async fn an_answer_given_before_the_upstream_closed_counts() {
    let (conn, _shelf, mut upstream) = connect().await;
    upstream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad").await.unwrap();
    drop(upstream);
    let piece: &'static str = "x".repeat(1 << 20).leak();
    let pieces = [piece; 32];
    let response = send(conn, &Method::PUT, Upload::of(&pieces, End::Clean)).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_upload_that_fails_or_lies_fails_the_exchange() {
    let (conn, _shelf, _upstream) = connect().await;
    let error = send(conn, &Method::PUT, Upload::of(&["ab"], End::Failure)).await.unwrap_err();
    assert!(matches!(error.fault, SendFault::Body("upload broke")) && !error.wrote);
    for pieces in [&["ab"][..], &["abcd"]] {
        let (conn, _shelf, mut upstream) = connect().await;
        let error = send(conn, &Method::PUT, Upload::of(pieces, End::Clean).exact(3)).await.unwrap_err();
        assert!(matches!(error.fault, SendFault::Length));
        let mut got = String::new();
        // Whether by an end or by a reset: the upstream never gets the three bytes it was promised.
        let _ = upstream.read_to_string(&mut got).await;
        assert!(!got.ends_with("abc"), "{got}");
    }
}

#[tokio::test]
async fn a_dropped_body_closes_at_once() {
    let (conn, shelf, mut upstream) = connect().await;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart";
    let (response, _) = tokio::join!(get(conn), script(&mut upstream, "\r\n\r\n", answer));
    drop(response);
    assert!(shelf.borrow().is_empty());
    assert_eq!(upstream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_switch_of_protocols_hands_the_socket_over() {
    let (conn, _shelf, mut upstream) = connect().await;
    let headers = fields(&[("upgrade", "echo")]);
    let outbound = Outbound::new(&Method::GET, "/", &headers);
    let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\n\r\nearly";
    let mut unwatched = ();
    let (sent, request) = tokio::join!(
        conn.send(outbound, Upload::none(), &mut unwatched),
        script(&mut upstream, "\r\n\r\n", answer)
    );
    assert!(request.contains("connection: upgrade\r\n"), "{request}");
    let Answer::Upgraded { response, mut io, leftover } = sent.unwrap() else { panic!("no switch") };
    assert_eq!(response.headers()["upgrade"], "echo");
    assert_eq!(leftover, "early");
    io.write_all(b"raw").await.unwrap();
    drop(io);
    let mut got = String::new();
    upstream.read_to_string(&mut got).await.unwrap();
    assert_eq!(got, "raw");
}

#[tokio::test]
async fn a_head_answer_has_no_body_whatever_it_says() {
    let (conn, shelf, mut upstream) = connect().await;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n";
    let (response, _) =
        tokio::join!(send(conn, &Method::HEAD, Upload::none()), script(&mut upstream, "\r\n\r\n", answer));
    assert!(response.unwrap().body().is_end_stream());
    assert_eq!(shelf.borrow().len(), 1);
}
