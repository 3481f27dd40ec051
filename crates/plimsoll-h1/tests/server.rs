//! The server side over real sockets, and over pipes where time is an argument.

use std::convert::Infallible;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty, Full};
use plimsoll_h1::server::{
    Idle, Next, NextError, RespondError, RespondFault, Sent, ServerConfig, ServerConn,
};
use plimsoll_h1::{BodyError, Drain, Incoming, Refusal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::{TcpListener, TcpStream};

/// Frames that come one a poll, with a wait before each where asked.
struct Frames {
    pieces: Vec<Result<Frame<Bytes>, &'static str>>,
    hint: Option<u64>,
    waits: bool,
}

impl Frames {
    fn of(pieces: &[&'static str]) -> Self {
        let mut frames: Vec<_> =
            pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))).collect();
        frames.reverse();
        Self { pieces: frames, hint: None, waits: false }
    }

    fn exact(mut self, length: u64) -> Self {
        self.hint = Some(length);
        self
    }

    fn then(mut self, last: Result<Frame<Bytes>, &'static str>) -> Self {
        self.pieces.insert(0, last);
        self
    }

    fn waiting(mut self) -> Self {
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

async fn loopback() -> (ServerConn<TcpStream>, TcpStream) {
    loopback_with(ServerConfig::default()).await
}

async fn loopback_with(config: ServerConfig) -> (ServerConn<TcpStream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(listener.accept(), TcpStream::connect(listener.local_addr().unwrap()));
    (ServerConn::new(near.unwrap().0, Rc::new(config), &Drain::new()), far.unwrap())
}

fn pipe(room: usize) -> (ServerConn<DuplexStream>, DuplexStream) {
    pipe_with(room, ServerConfig::default())
}

fn pipe_with(room: usize, config: ServerConfig) -> (ServerConn<DuplexStream>, DuplexStream) {
    let (near, far) = tokio::io::duplex(room);
    (ServerConn::new(near, Rc::new(config), &Drain::new()), far)
}

async fn next<IO: plimsoll_h1::Transport>(conn: &mut ServerConn<IO>) -> Request<Incoming> {
    assert_eq!(conn.idle(std::future::pending()).await, Idle::Ready);
    conn.next_request(std::future::pending()).await.unwrap().unwrap()
}

fn text(body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    response.headers_mut().insert("date", HeaderValue::from_static("d"));
    response
}

fn frames(frames: Frames) -> Response<Frames> {
    let mut response = Response::new(frames);
    response.headers_mut().insert("date", HeaderValue::from_static("d"));
    response
}

/// Reads until `end`, or panics with what came.
async fn read_to<R: tokio::io::AsyncRead + Unpin>(io: &mut R, end: &str) -> String {
    let mut got = Vec::new();
    while !got.ends_with(end.as_bytes()) {
        let Ok(byte) = io.read_u8().await else { panic!("ended after {:?}", String::from_utf8_lossy(&got)) };
        got.push(byte);
    }
    String::from_utf8(got).unwrap()
}

async fn read_all<R: tokio::io::AsyncRead + Unpin>(io: &mut R) -> String {
    let mut got = String::new();
    io.read_to_string(&mut got).await.unwrap();
    got
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(std::task::Waker::noop()))
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn requests_follow_each_other_on_one_connection() {
    let (mut conn, mut client) = loopback().await;
    for _ in 0..3 {
        client.write_all(GET).await.unwrap();
        let request = next(&mut conn).await;
        assert_eq!(request.method(), Method::GET);
        let sent = conn.respond(text("hi")).await.unwrap();
        assert_eq!(sent, Sent { next: Next::Request, body_bytes: 2 });
        assert_eq!(
            read_to(&mut client, "hi").await,
            "HTTP/1.1 200 OK\r\ndate: d\r\ncontent-length: 2\r\n\r\nhi"
        );
    }
    drop(client);
    assert_eq!(conn.idle(std::future::pending()).await, Idle::Closed);
    assert_eq!(conn.requests(), 3);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (mut conn, mut client) = loopback().await;
    client
        .write_all(b"POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    for path in ["/1", "/2", "/3"] {
        let request = next(&mut conn).await;
        assert_eq!(request.uri(), path);
        // The first body is left unread: it is drained, never taken for the next request.
        drop(request);
        let sent = conn.respond(Response::new(Full::new(Bytes::from_static(path.as_bytes())))).await.unwrap();
        assert_eq!(sent.next == Next::Close, path == "/3");
    }
    conn.close().await;
    let answers = read_all(&mut client).await;
    let found: Vec<_> =
        ["/1", "/2", "connection: close\r\n", "/3"].iter().map(|part| answers.find(part).unwrap()).collect();
    assert!(found.is_sorted(), "{answers}");
}

#[tokio::test]
async fn continue_is_sent_when_the_body_is_wanted() {
    let (mut conn, mut client) = loopback().await;
    client
        .write_all(b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        .await
        .unwrap();
    let body = next(&mut conn).await.into_body();
    let (collected, ()) = tokio::join!(body.collect(), async {
        assert_eq!(read_to(&mut client, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.write_all(b"abc").await.unwrap();
    });
    assert_eq!(collected.unwrap().to_bytes(), "abc");
    assert_eq!(conn.respond(text("ok")).await.unwrap().next, Next::Request);
    assert!(read_to(&mut client, "ok").await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn continue_is_never_sent_after_the_final_answer() {
    let (mut conn, mut client) = loopback().await;
    client
        .write_all(b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        .await
        .unwrap();
    let request = next(&mut conn).await;
    assert_eq!(conn.respond(text("no")).await.unwrap().next, Next::Close);
    let mut body = request.into_body();
    drop(client.shutdown().await);
    conn.close().await;
    assert!(matches!(body.frame().await, Some(Err(BodyError::Gone))));
    let answer = read_all(&mut client).await;
    assert!(!answer.contains("100"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn interim_answers_go_ahead_of_the_final_one() {
    let (mut conn, mut client) = loopback().await;
    client.write_all(GET).await.unwrap();
    let _request = next(&mut conn).await;
    let interim = conn.informational().unwrap();
    let mut hints = HeaderMap::new();
    hints.insert("link", HeaderValue::from_static("</a>"));
    assert!(interim.send(StatusCode::EARLY_HINTS, &hints));
    assert!(!interim.send(StatusCode::CONTINUE, &hints), "nobody waits for it");
    assert!(!interim.send(StatusCode::OK, &hints));
    assert!(!interim.send(StatusCode::SWITCHING_PROTOCOLS, &hints));
    conn.respond(text("x")).await.unwrap();
    assert!(!interim.send(StatusCode::EARLY_HINTS, &hints), "the answer has been given");
    let answer = read_to(&mut client, "\r\n\r\nx").await;
    assert_eq!(
        answer,
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ndate: d\r\ncontent-length: 1\r\n\r\nx"
    );
}

#[tokio::test]
async fn http_1_0_gets_no_chunks_and_no_interim_answers() {
    let (mut conn, mut client) = loopback().await;
    client.write_all(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await.unwrap();
    next(&mut conn).await;
    assert!(conn.informational().is_none());
    assert_eq!(conn.respond(text("a")).await.unwrap().next, Next::Request);
    assert!(read_to(&mut client, "\r\n\r\na").await.contains("connection: keep-alive\r\n"));
    client.write_all(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await.unwrap();
    next(&mut conn).await;
    assert_eq!(conn.respond(frames(Frames::of(&["b", "c"]))).await.unwrap().next, Next::Close);
    conn.close().await;
    assert_eq!(read_all(&mut client).await, "HTTP/1.1 200 OK\r\ndate: d\r\nconnection: close\r\n\r\nbc");
}

#[tokio::test]
async fn an_unknown_length_is_chunked_with_its_trailers() {
    let (mut conn, mut client) = loopback().await;
    client.write_all(GET).await.unwrap();
    next(&mut conn).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("sum", HeaderValue::from_static("7"));
    let body = Frames::of(&["ab", "", "cde"]).waiting().then(Ok(Frame::trailers(trailers)));
    assert_eq!(conn.respond(frames(body)).await.unwrap(), Sent { next: Next::Request, body_bytes: 5 });
    assert_eq!(
        read_to(&mut client, "7\r\n\r\n").await,
        "HTTP/1.1 200 OK\r\ndate: d\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\nsum: 7\r\n\r\n"
    );
}

#[tokio::test]
async fn some_answers_have_no_body() {
    let (mut conn, mut client) = loopback().await;
    for (method, status, head) in [
        ("HEAD", 200, "HTTP/1.1 200 OK\r\ndate: d\r\ncontent-length: 4\r\n\r\n"),
        ("GET", 204, "HTTP/1.1 204 No Content\r\ndate: d\r\n\r\n"),
        ("GET", 304, "HTTP/1.1 304 Not Modified\r\ndate: d\r\ncontent-length: 4\r\n\r\n"),
    ] {
        client.write_all(format!("{method} / HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
        next(&mut conn).await;
        let mut response = text("body");
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        assert_eq!(conn.respond(response).await.unwrap(), Sent { next: Next::Request, body_bytes: 0 });
        assert_eq!(read_to(&mut client, "\r\n\r\n").await, head);
    }
    client.write_all(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    next(&mut conn).await;
    let mut response = Response::new(Incoming::empty());
    response.headers_mut().insert("date", HeaderValue::from_static("d"));
    conn.respond(response).await.unwrap();
    // An answer that was passed on without a length must not gain one.
    assert_eq!(read_to(&mut client, "\r\n\r\n").await, "HTTP/1.1 200 OK\r\ndate: d\r\n\r\n");
}

#[tokio::test]
async fn a_body_that_breaks_its_length_breaks_the_connection() {
    for (pieces, length) in [(&["ab"][..], 3), (&["ab", "cd"][..], 3)] {
        let (mut conn, mut client) = loopback().await;
        client.write_all(GET).await.unwrap();
        next(&mut conn).await;
        let error = conn.respond(frames(Frames::of(pieces).exact(length).waiting())).await.unwrap_err();
        assert!(matches!(error.fault, RespondFault::Length) && error.started);
        let got = read_all(&mut client).await;
        assert!(got.contains("content-length: 3\r\n\r\n") && !got.ends_with("abc"), "{got}");
        assert_eq!(conn.idle(std::future::pending()).await, Idle::Closed);
    }
}

#[tokio::test]
async fn a_body_that_fails_at_once_can_be_answered_otherwise() {
    let (mut conn, mut client) = loopback().await;
    client.write_all(GET).await.unwrap();
    next(&mut conn).await;
    let error = conn.respond(frames(Frames::of(&["never seen"]).then(Err("broken")))).await.unwrap_err();
    assert!(matches!(error.fault, RespondFault::Body("broken")) && !error.started);
    assert_eq!(conn.respond(text("instead")).await.unwrap().next, Next::Request);
    assert_eq!(
        read_to(&mut client, "instead").await,
        "HTTP/1.1 200 OK\r\ndate: d\r\ncontent-length: 7\r\n\r\ninstead"
    );
}

#[tokio::test]
async fn a_body_that_fails_later_never_looks_whole() {
    // Chunked: no last chunk. Until close: a reset in place of an end.
    let (mut conn, mut client) = loopback().await;
    client.write_all(GET).await.unwrap();
    next(&mut conn).await;
    let body = Frames::of(&["abc"]).then(Err("broken")).waiting();
    assert!(conn.respond(frames(body)).await.unwrap_err().started);
    assert!(!read_all(&mut client).await.ends_with("0\r\n\r\n"));

    let (mut conn, mut client) = loopback().await;
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    next(&mut conn).await;
    let body = Frames::of(&["abc"]).then(Err("broken")).waiting();
    assert!(conn.respond(frames(body)).await.unwrap_err().started);
    let mut got = Vec::new();
    let end = client.read_to_end(&mut got).await;
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn two_lengths_are_not_sent() {
    let (mut conn, mut client) = loopback().await;
    client.write_all(GET).await.unwrap();
    next(&mut conn).await;
    let mut response = text("abc");
    response.headers_mut().insert("content-length", HeaderValue::from_static("4"));
    let error = conn.respond(response).await.unwrap_err();
    assert!(matches!(error.fault, RespondFault::Length) && !error.started);
    conn.respond(text("ok")).await.unwrap();
    read_to(&mut client, "ok").await;
}

#[tokio::test]
async fn a_refused_request_is_answered_and_the_answer_arrives() {
    let (mut conn, mut client) = loopback().await;
    // More than the socket's buffers is under way when the refusal comes.
    let sending = async {
        client
            .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nContent-Length: 9\r\n\r\n")
            .await
            .unwrap();
        let junk = vec![b'x'; 64 * 1024];
        for _ in 0..8 {
            if client.write_all(&junk).await.is_err() {
                break;
            }
        }
        let _ = client.shutdown().await;
        read_all(&mut client).await
    };
    let serving = async {
        let error = conn.next_request(std::future::pending()).await.unwrap_err();
        assert!(matches!(error, NextError::Refused(Refusal::LengthRepeated)));
        let mut response = text("refused");
        *response.status_mut() = Refusal::LengthRepeated.status();
        assert_eq!(conn.respond(response).await.unwrap().next, Next::Close);
        conn.close().await;
    };
    let (answer, ()) = tokio::join!(sending, serving);
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && answer.ends_with("refused"), "{answer}");
}

#[tokio::test]
async fn an_early_answer_to_a_long_upload_arrives() {
    let (mut conn, mut client) = loopback().await;
    let sending = async {
        client.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n").await.unwrap();
        let _ = client.write_all(&vec![b'x'; 400_000]).await;
        let answer = read_to(&mut client, "early").await;
        drop(client);
        answer
    };
    let serving = async {
        drop(next(&mut conn).await);
        assert_eq!(conn.respond(text("early")).await.unwrap().next, Next::Close);
        conn.close().await;
    };
    let (answer, ()) = tokio::join!(sending, serving);
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let (mut conn, mut client) = loopback().await;
    client.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc").await.unwrap();
    let request = next(&mut conn).await;
    let gone = conn.gone();
    tokio::pin!(gone);
    assert!(poll_once(gone.as_mut()).is_pending());
    assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "abc");
    assert!(poll_once(gone.as_mut()).is_pending());
    drop(client);
    gone.await;
}

#[tokio::test]
async fn watching_keeps_pipelined_requests() {
    let (mut conn, mut client) = pipe(1024);
    client.write_all(GET).await.unwrap();
    drop(next(&mut conn).await);
    client.write_all(GET).await.unwrap();
    client.write_all(GET).await.unwrap();
    let mut gone = Box::pin(conn.gone());
    assert!(poll_once(gone.as_mut()).is_pending());
    for _ in 0..2 {
        conn.respond(text("x")).await.unwrap();
        drop(next(&mut conn).await);
    }
    conn.respond(text("x")).await.unwrap();
    assert!(poll_once(gone.as_mut()).is_pending());
}

#[tokio::test]
async fn a_body_cut_short_is_an_error() {
    let (mut conn, mut client) = loopback().await;
    client.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc").await.unwrap();
    client.shutdown().await.unwrap();
    let mut body = next(&mut conn).await.into_body();
    assert_eq!(body.size_hint().exact(), Some(5));
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
    assert!(matches!(body.frame().await, Some(Err(BodyError::Truncated))));
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_switch_of_protocols_hands_the_socket_back() {
    let (mut conn, mut client) = loopback().await;
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nearly")
        .await
        .unwrap();
    next(&mut conn).await;
    let mut response = Response::new(Empty::<Bytes>::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert("upgrade", HeaderValue::from_static("echo"));
    response.headers_mut().insert("date", HeaderValue::from_static("d"));
    assert_eq!(conn.respond(response).await.unwrap().next, Next::Upgrade);
    let (mut io, leftover) = conn.into_parts().unwrap();
    assert_eq!(leftover, "early");
    io.write_all(b"raw").await.unwrap();
    assert_eq!(
        read_to(&mut client, "raw").await,
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\ndate: d\r\nconnection: upgrade\r\n\r\nraw"
    );
}

#[tokio::test]
async fn a_switch_that_nobody_offered_is_not_sent() {
    let (mut conn, mut client) = loopback().await;
    client.write_all(GET).await.unwrap();
    next(&mut conn).await;
    let mut response = text("");
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    assert!(matches!(conn.respond(response).await.unwrap_err().fault, RespondFault::Status));
}

#[tokio::test]
async fn http_2_is_recognised_and_nothing_is_lost() {
    let (mut conn, mut client) = loopback().await;
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nframes").await.unwrap();
    let error = conn.next_request(std::future::pending()).await.unwrap_err();
    assert!(matches!(error, NextError::Http2Preface));
    assert_eq!(conn.into_parts().unwrap().1, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nframes");
}

#[tokio::test]
async fn a_large_body_flows_both_ways() {
    let (mut conn, client) = loopback().await;
    let (mut read, mut write) = client.into_split();
    let length = 5_000_000_usize;
    let sending = async move {
        let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        write.write_all(head.as_bytes()).await.unwrap();
        let data: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        write.write_all(&data).await.unwrap();
        data
    };
    let receiving = async move {
        read_to(&mut read, "\r\n\r\n").await;
        let mut got = vec![0; length];
        read.read_exact(&mut got).await.unwrap();
        got
    };
    // The answer's body is the request's: what comes in goes out.
    let serving = async {
        let body = next(&mut conn).await.into_body();
        assert_eq!(conn.respond(Response::new(body)).await.unwrap().next, Next::Request);
    };
    let (sent, got, ()) = tokio::join!(sending, receiving, serving);
    assert!(sent == got);
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_times_out_and_silence_does_so_quietly() {
    let (mut conn, mut client) = pipe(1024);
    assert_eq!(conn.idle(tokio::time::sleep(Duration::from_secs(9))).await, Idle::TimedOut);
    client.write_all(b"GET / HT").await.unwrap();
    assert_eq!(conn.idle(std::future::pending()).await, Idle::Ready);
    let late = conn.next_request(tokio::time::sleep(Duration::from_secs(9))).await;
    assert!(matches!(late, Err(NextError::Refused(Refusal::HeadTimeout))));
    let mut response = text("late");
    *response.status_mut() = Refusal::HeadTimeout.status();
    assert_eq!(conn.respond(response).await.unwrap().next, Next::Close);
    assert!(read_to(&mut client, "late").await.starts_with("HTTP/1.1 408 "));

    let (mut conn, _client) = pipe(1024);
    assert!(conn.next_request(tokio::time::sleep(Duration::from_secs(9))).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_given_up() {
    let (mut conn, mut client) = pipe(64);
    client.write_all(GET).await.unwrap();
    next(&mut conn).await;
    let began = tokio::time::Instant::now();
    let body = Full::new(Bytes::from(vec![b'x'; 10_000]));
    let error = conn.respond(Response::new(body)).await.unwrap_err();
    assert!(matches!(error.fault, RespondFault::Stalled) && error.started);
    assert!(began.elapsed() >= ServerConfig::default().write_stall);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_served() {
    let (mut conn, mut client) = pipe(1_000);
    client.write_all(GET).await.unwrap();
    next(&mut conn).await;
    let reading = async {
        let mut got = vec![0; 500];
        let mut count = 0;
        while count < 10_000 {
            // Slower in all than the stall limit allows for one wait.
            tokio::time::sleep(Duration::from_secs(20)).await;
            count += client.read(&mut got).await.unwrap();
        }
    };
    let body = Full::new(Bytes::from(vec![b'x'; 10_000]));
    let (sent, ()) = tokio::join!(conn.respond(Response::new(body)), reading);
    assert_eq!(sent.unwrap().next, Next::Request);
}

/// Asks for 10,000 bytes and reads 500 of them every ten seconds, over a connection that holds 1000.
async fn read_slowly(rate: u64) -> Result<Sent, RespondError<Infallible>> {
    let config = ServerConfig { write_rate: NonZeroU64::new(rate), ..ServerConfig::default() };
    let (mut conn, mut client) = pipe_with(1_000, config);
    client.write_all(GET).await.unwrap();
    next(&mut conn).await;
    let reading = async {
        let mut got = vec![0; 500];
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            if client.read(&mut got).await.unwrap() == 0 {
                return;
            }
        }
    };
    let body = Full::new(Bytes::from(vec![b'x'; 10_000]));
    let answering = async {
        let sent = conn.respond(Response::new(body)).await;
        drop(conn);
        sent
    };
    tokio::join!(answering, reading).0
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_below_the_rate_is_given_up() {
    let error = read_slowly(100).await.unwrap_err();
    assert!(matches!(error.fault, RespondFault::Stalled) && error.started);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_at_the_rate_is_served() {
    assert_eq!(read_slowly(50).await.unwrap().next, Next::Request);
}

/// Only the time in which a write waits is the client's.
#[tokio::test(start_paused = true)]
async fn a_slow_source_is_not_held_against_the_client() {
    let config = ServerConfig { write_rate: NonZeroU64::new(1 << 20), ..ServerConfig::default() };
    let (mut conn, mut client) = pipe_with(1_000, config);
    client.write_all(GET).await.unwrap();
    next(&mut conn).await;
    let chunks = futures_util::stream::unfold(20, |left: u32| async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let chunk = Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; 4_000])));
        (left > 0).then(|| (chunk, left - 1))
    });
    let answer = conn.respond(Response::new(http_body_util::StreamBody::new(chunks)));
    let (sent, _) = tokio::join!(answer, read_to(&mut client, "0\r\n\r\n"));
    assert_eq!(sent.unwrap().next, Next::Request);
}

#[tokio::test(start_paused = true)]
async fn a_source_is_not_asked_for_more_than_the_client_takes() {
    let (mut conn, mut client) = pipe(1_000);
    client.write_all(GET).await.unwrap();
    next(&mut conn).await;
    let asked = Rc::new(std::cell::Cell::new(0));
    let counter = Rc::clone(&asked);
    let chunks = std::iter::from_fn(move || {
        counter.set(counter.get() + 1);
        Some(Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![b'x'; 4_000]))))
    });
    let endless = http_body_util::StreamBody::new(futures_util::stream::iter(chunks));
    let answer = conn.respond(Response::new(endless));
    tokio::pin!(answer);
    assert!(poll_once(answer.as_mut()).is_pending());
    assert_eq!(asked.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unread_chunked_body_is_drained_within_its_bound() {
    let (mut conn, mut client) = pipe(300_000);
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
    for (chunks, expected) in [(3, Next::Request), (30, Next::Close)] {
        client.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        client.write_all(chunk.repeat(chunks).as_bytes()).await.unwrap();
        client.write_all(b"0\r\n\r\n").await.unwrap();
        drop(next(&mut conn).await);
        assert_eq!(conn.respond(text("x")).await.unwrap().next, expected);
    }
}

#[tokio::test]
async fn draining_ends_idle_connections_and_marks_answers() {
    let (near, mut client) = tokio::io::duplex(1024);
    let drain = Drain::new();
    let mut conn = ServerConn::new(near, Rc::new(ServerConfig::default()), &drain);
    {
        let idle = conn.idle(std::future::pending());
        tokio::pin!(idle);
        assert!(poll_once(idle.as_mut()).is_pending());
        drain.begin();
        assert_eq!(idle.await, Idle::Draining);
    }
    // A request that came all the same is answered, and is the last.
    client.write_all(GET).await.unwrap();
    next(&mut conn).await;
    assert_eq!(conn.respond(text("x")).await.unwrap().next, Next::Close);
    assert!(read_to(&mut client, "\r\n\r\nx").await.contains("connection: close\r\n"));
    assert_eq!(drain.connections(), 1);
    conn.close().await;
    assert_eq!(drain.connections(), 0);
}

#[tokio::test]
async fn a_body_over_its_limit_is_an_error() {
    let config = ServerConfig { body: 4, ..ServerConfig::default() };
    let (mut conn, mut client) = loopback_with(config).await;
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n")
        .await
        .unwrap();
    let mut body = next(&mut conn).await.into_body();
    assert!(matches!(body.frame().await, Some(Err(BodyError::TooLarge))));
    assert_eq!(conn.respond(text("large")).await.unwrap().next, Next::Close);
    assert!(read_to(&mut client, "large").await.contains("connection: close\r\n"));
}
