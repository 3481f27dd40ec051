//! Requests: their bodies, observers, and upgrades.

use crate::support::{End, Upload, connect, fields, get, script, send, text};
use http::{Method, Response, StatusCode};
use plimsoll_h1::client::{ClientResponse, Observer, Outbound, SendErrorKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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
    let raw = "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let (sent, request) = tokio::join!(
        conn.send(outbound, Upload::of(&["ab", "cd"], End::Clean).exact(4), &mut log),
        script(&mut upstream, "abcd", raw)
    );
    assert!(matches!(sent.unwrap(), ClientResponse::Response { .. }));
    assert_eq!(request, "POST /x HTTP/1.1\r\nhost: up\r\ncontent-length: 4\r\n\r\nabcd");
    assert_eq!(
        log.0,
        [format!("written {}", request.len()), "sent".into(), "interim 103".into(), "interim 102".into()]
    );
}

#[tokio::test]
async fn an_unknown_length_is_chunked() {
    let (conn, _shelf, mut upstream) = connect().await;
    let raw = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let body = Upload::of(&["ab", "cde"], End::Clean);
    let (response, request) =
        tokio::join!(send(conn, &Method::PUT, body), script(&mut upstream, "0\r\n\r\n", raw));
    response.unwrap();
    assert_eq!(
        request,
        "PUT / HTTP/1.1\r\nhost: up\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
    );
}

#[tokio::test]
async fn an_empty_post_says_so() {
    let (conn, _shelf, mut upstream) = connect().await;
    let raw = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let (response, request) =
        tokio::join!(send(conn, &Method::POST, Upload::none()), script(&mut upstream, "\r\n\r\n", raw));
    response.unwrap();
    assert!(request.contains("content-length: 0\r\n"), "{request}");
}

#[tokio::test]
async fn an_early_response_is_seen_during_an_upload() {
    let (conn, shelf, mut upstream) = connect().await;
    let raw = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge";
    let body = Upload::of(&["ab"], End::Never);
    let (response, _) = tokio::join!(send(conn, &Method::PUT, body), script(&mut upstream, "ab\r\n", raw));
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(text(response).await.unwrap(), "large");
    assert!(shelf.borrow().is_empty(), "half a request is still owed");
}

#[tokio::test]
async fn a_response_given_before_the_upstream_closed_counts() {
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
    assert!(matches!(error.kind, SendErrorKind::Body("upload broke")) && !error.wrote);
    for pieces in [&["ab"][..], &["abcd"]] {
        let (conn, _shelf, mut upstream) = connect().await;
        let error = send(conn, &Method::PUT, Upload::of(pieces, End::Clean).exact(3)).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::Length));
        let mut got = String::new();
        // Whether by an end or by a reset: the upstream never gets the three bytes it was promised.
        let _ = upstream.read_to_string(&mut got).await;
        assert!(!got.ends_with("abc"), "{got}");
    }
}

#[tokio::test]
async fn a_dropped_body_closes_at_once() {
    let (conn, shelf, mut upstream) = connect().await;
    let raw = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart";
    let (response, _) = tokio::join!(get(conn), script(&mut upstream, "\r\n\r\n", raw));
    drop(response);
    assert!(shelf.borrow().is_empty());
    assert_eq!(upstream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_switch_of_protocols_hands_the_socket_over() {
    let (conn, _shelf, mut upstream) = connect().await;
    let headers = fields(&[("upgrade", "echo")]);
    let outbound = Outbound::new(&Method::GET, "/", &headers);
    let raw = "HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\n\r\nearly";
    let mut unwatched = ();
    let (sent, request) = tokio::join!(
        conn.send(outbound, Upload::none(), &mut unwatched),
        script(&mut upstream, "\r\n\r\n", raw)
    );
    assert!(request.contains("connection: upgrade\r\n"), "{request}");
    let ClientResponse::Upgraded { head, mut io, leftover } = sent.unwrap() else { panic!("no switch") };
    assert_eq!(head.fields.get("upgrade"), Some(&b"echo"[..]));
    assert_eq!(leftover, "early");
    io.write_all(b"raw").await.unwrap();
    drop(io);
    let mut got = String::new();
    upstream.read_to_string(&mut got).await.unwrap();
    assert_eq!(got, "raw");
}
