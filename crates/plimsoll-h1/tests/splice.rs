//! Large bodies from an upstream's socket to a client's, past the process.

use http::{HeaderMap, Method};
use plimsoll_h1::{
    BodyError, Drain, Incoming,
    client::{ClientConfig, ClientConn, ClientResponse, Outbound},
    server::{self, Next, RespondErrorKind, Sent, ServerConfig, ServerConn},
};
use std::{cell::RefCell, rc::Rc};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (far, near) = tokio::join!(listener.accept(), TcpStream::connect(listener.local_addr().unwrap()));
    (near.unwrap(), far.unwrap().0)
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

/// The result at the proxy, whether the upstream connection was kept, and the bytes that the client got.
struct Outcome {
    sent: Result<Sent, RespondErrorKind<BodyError>>,
    kept: bool,
    got: Vec<u8>,
}

/// Passes one response through: the upstream announces `announced` bytes and sends `body`.
async fn relay(announced: usize, body: Vec<u8>) -> Outcome {
    let (near, far) = pair().await;
    let (up, mut upstream) = pair().await;
    let mut conn = ServerConn::new(far, Rc::new(ServerConfig::default()), &Drain::new());
    let shelf: Rc<RefCell<Vec<ClientConn<TcpStream, Incoming>>>> = Rc::default();
    let keep = Rc::clone(&shelf);
    let hook = Rc::new(move |conn| keep.borrow_mut().push(conn));
    let up = ClientConn::new(up, Rc::new(ClientConfig::default()), Some(hook));

    let whole = body.len() >= announced;
    let origin = async move {
        let mut request = [0; 1024];
        assert!(upstream.read(&mut request).await.unwrap() > 0);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\n\r\n");
        upstream.write_all(head.as_bytes()).await.unwrap();
        upstream.write_all(&body).await.unwrap();
        // Kept open where the response is whole: its length ends it.
        whole.then_some(upstream)
    };
    let client = async move {
        let (mut read, mut write) = near.into_split();
        write.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(read.read_u8().await.unwrap());
        }
        let mut got = Vec::new();
        let _ = (&mut read).take(announced as u64).read_to_end(&mut got).await;
        got
    };
    let proxy = async {
        let request = conn.next_request(std::future::pending()).await.unwrap().unwrap();
        let headers = HeaderMap::new();
        let mut unwatched = ();
        let outbound = Outbound::new(&Method::GET, "/", &headers);
        let response = up.send(outbound, request.body, &mut unwatched).await.unwrap();
        let ClientResponse::Response { head, body } = response else { panic!("an upgrade") };
        conn.relay(server::Outbound::new(head.status, head.fields), body).await.map_err(|error| {
            assert!(error.started);
            error.kind
        })
    };
    let (_upstream, got, sent) = tokio::join!(origin, client, proxy);
    let kept = shelf.borrow().len() == 1;
    Outcome { sent, kept, got }
}

#[tokio::test]
async fn every_byte_arrives_and_both_connections_are_kept() {
    for length in [100_000, 131_072, 200_000, 3_000_001] {
        let outcome = relay(length, bytes(length)).await;
        assert_eq!(outcome.sent.unwrap(), Sent { next: Next::Request, body_bytes: length as u64 });
        assert!(outcome.kept, "{length}");
        assert!(outcome.got == bytes(length), "{length}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_whole() {
    let outcome = relay(3_000_000, bytes(1_000_000)).await;
    assert!(matches!(outcome.sent, Err(RespondErrorKind::Body(BodyError::Truncated))));
    assert!(!outcome.kept);
    assert!(outcome.got.len() < 3_000_000 && bytes(1_000_000).starts_with(&outcome.got));
}

#[tokio::test]
async fn what_comes_behind_a_body_is_not_sent_on() {
    let mut body = bytes(1_000_000);
    body.extend_from_slice(b"HTTP/1.1 200 OK\r\n\r\n");
    let outcome = relay(1_000_000, body).await;
    assert_eq!(outcome.sent.unwrap().body_bytes, 1_000_000);
    assert!(outcome.got == bytes(1_000_000));
}
