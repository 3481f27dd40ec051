//! Responses: their framing, failures, and upgrades.

use crate::support::{Frames, GET, frames, loopback, next, read_all, read_to, text};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::Empty;
use plimsoll_h1::{
    Incoming,
    server::{Idle, Next, RespondErrorKind, Sent},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn interim_responses_go_ahead_of_the_final_one() {
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
    assert!(!interim.send(StatusCode::EARLY_HINTS, &hints), "the response has been given");
    let response = read_to(&mut client, "\r\n\r\nx").await;
    assert_eq!(
        response,
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ndate: d\r\ncontent-length: 1\r\n\r\nx"
    );
}

#[tokio::test]
async fn http_1_0_gets_no_chunks_and_no_interim_responses() {
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
async fn some_responses_have_no_body() {
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
    // A response that was passed on without a length must not gain one.
    assert_eq!(read_to(&mut client, "\r\n\r\n").await, "HTTP/1.1 200 OK\r\ndate: d\r\n\r\n");
}

#[tokio::test]
async fn a_body_that_breaks_its_length_breaks_the_connection() {
    for (pieces, length) in [(&["ab"][..], 3), (&["ab", "cd"][..], 3)] {
        let (mut conn, mut client) = loopback().await;
        client.write_all(GET).await.unwrap();
        next(&mut conn).await;
        let error = conn.respond(frames(Frames::of(pieces).exact(length).waiting())).await.unwrap_err();
        assert!(matches!(error.kind, RespondErrorKind::Length) && error.started);
        let got = read_all(&mut client).await;
        assert!(got.contains("content-length: 3\r\n\r\n") && !got.ends_with("abc"), "{got}");
        assert_eq!(conn.idle(std::future::pending()).await, Idle::Closed);
    }
}

#[tokio::test]
async fn a_body_that_fails_at_once_can_be_replaced_by_another_response() {
    let (mut conn, mut client) = loopback().await;
    client.write_all(GET).await.unwrap();
    next(&mut conn).await;
    let error = conn.respond(frames(Frames::of(&["never seen"]).then(Err("broken")))).await.unwrap_err();
    assert!(matches!(error.kind, RespondErrorKind::Body("broken")) && !error.started);
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
    assert!(matches!(error.kind, RespondErrorKind::Length) && !error.started);
    conn.respond(text("ok")).await.unwrap();
    read_to(&mut client, "ok").await;
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
    assert!(matches!(conn.respond(response).await.unwrap_err().kind, RespondErrorKind::Status));
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
    // The response's body is the request's: what comes in goes out.
    let serving = async {
        let body = next(&mut conn).await.into_body();
        assert_eq!(conn.respond(Response::new(body)).await.unwrap().next, Next::Request);
    };
    let (sent, got, ()) = tokio::join!(sending, receiving, serving);
    assert!(sent == got);
}
