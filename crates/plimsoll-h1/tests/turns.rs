//! A large body moves a bounded amount in one poll, however much its sockets would take: the rest of the worker waits.

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body::{Body, Frame};
use plimsoll_h1::{
    Drain, Incoming,
    client::{ClientConfig, ClientConn, ClientResponse, Outbound},
    server::{self, ServerConfig, ServerConn},
};
use std::{
    cell::Cell,
    convert::Infallible,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};
use tokio::{
    io::{AsyncWriteExt as _, DuplexStream},
    net::{TcpListener, TcpStream},
};

const FRAME: usize = 64 * 1024;
/// The most bytes that move in one poll: a turn, and the frame that exceeds it.
const TURN: usize = 1024 * 1024 + FRAME;

/// Frames without end that are ready at once, and how many were taken.
#[derive(Clone, Default)]
struct Endless(Rc<Cell<usize>>);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.set(self.0.get() + 1);
        static DATA: [u8; FRAME] = [b'x'; FRAME];
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&DATA)))))
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls twice and asserts that each poll moved some frames, but no more than a turn's.
fn assert_turns<F: Future>(mut sending: Pin<&mut F>, body: &Endless) {
    let most = TURN / FRAME;
    for poll in 1..=2 {
        let before = body.0.get();
        assert!(poll_once(sending.as_mut()).is_pending());
        let taken = body.0.get() - before;
        assert!((1..=most).contains(&taken), "{taken} frames in poll {poll}");
    }
}

#[tokio::test]
async fn a_response_gives_way_to_others() {
    let (near, mut client) = tokio::io::duplex(64 << 20);
    let mut conn = ServerConn::new(near, Rc::new(ServerConfig::default()), &Drain::new());
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    conn.next_request(std::future::pending()).await.unwrap().unwrap();
    let body = Endless::default();
    assert_turns(pin!(conn.respond(Response::new(body.clone()))), &body);
}

#[tokio::test]
async fn an_upload_gives_way_to_others() {
    let (near, _upstream) = tokio::io::duplex(64 << 20);
    let conn: ClientConn<DuplexStream, Endless> = ClientConn::new(near, Rc::default(), None);
    let (body, headers) = (Endless::default(), HeaderMap::new());
    let mut unwatched = ();
    let sending = conn.send(Outbound::new(&Method::POST, "/", &headers), body.clone(), &mut unwatched);
    assert_turns(pin!(sending), &body);
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (far, near) = tokio::join!(listener.accept(), TcpStream::connect(listener.local_addr().unwrap()));
    (near.unwrap(), far.unwrap().0)
}

/// The system would take megabytes for it, and so would its own buffer.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn little_is_handed_over_for_a_client_that_reads_nothing() {
    let (mut client, far) = pair().await;
    socket2::SockRef::from(&client).set_recv_buffer_size(16 << 10).unwrap();
    let mut conn = ServerConn::new(far, Rc::new(ServerConfig::default()), &Drain::new());
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    conn.next_request(std::future::pending()).await.unwrap().unwrap();
    let body = Endless::default();
    let mut sending = pin!(conn.respond(Response::new(body.clone())));
    let mut before = usize::MAX;
    while before != body.0.get() {
        before = body.0.get();
        assert!(poll_once(sending.as_mut()).is_pending());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let taken = body.0.get() * FRAME;
    assert!(taken <= TURN + FRAME, "{taken} bytes");
}

/// Bytes that lie in the socket.
fn lying(socket: &TcpStream) -> usize {
    let mut room = vec![0; 16 << 20];
    let mut at = 0;
    while let Ok(count @ 1..) = socket.try_read(&mut room[at..]) {
        at += count;
    }
    at
}

#[tokio::test]
async fn a_body_from_socket_to_socket_gives_way_to_others() {
    const LENGTH: usize = 64 << 20;
    let (mut client, far) = pair().await;
    let (up, mut upstream) = pair().await;
    socket2::SockRef::from(&up).set_recv_buffer_size(4 << 20).unwrap();
    for socket in [&client, &far] {
        let socket = socket2::SockRef::from(socket);
        socket.set_recv_buffer_size(4 << 20).unwrap();
        socket.set_send_buffer_size(4 << 20).unwrap();
    }
    let mut conn = ServerConn::new(far, Rc::new(ServerConfig::default()), &Drain::new());
    let up: ClientConn<TcpStream, Incoming> = ClientConn::new(up, Rc::new(ClientConfig::default()), None);
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let request = conn.next_request(std::future::pending()).await.unwrap().unwrap();
    let headers = HeaderMap::new();
    let mut unwatched = ();
    let asking = up.send(Outbound::new(&Method::GET, "/", &headers), request.body, &mut unwatched);
    upstream
        .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let Ok(ClientResponse::Response { head, body }) = asking.await else { panic!("no response") };

    // As much as the kernel takes lies ready before the response is asked for.
    let ready = vec![b'x'; LENGTH];
    let mut written = 0;
    while let Ok(count @ 1..) = upstream.try_write(&ready[written..]) {
        written += count;
        tokio::task::yield_now().await;
    }
    assert!(written > 1 << 20, "only {written} bytes lie ready");
    let sending = pin!(conn.relay(server::Outbound::new(head.status, head.fields), body));
    assert!(poll_once(sending).is_pending());
    client.readable().await.unwrap();
    let moved = lying(&client);
    assert!((1..=2 * TURN).contains(&moved), "{moved} bytes in one poll");
}
