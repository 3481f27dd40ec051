//! Requests: their order, heads, bodies, and ends.

use crate::support::{GET, loopback, loopback_with, next, pipe, poll_once, read_all, read_to, text};
use bytes::Bytes;
use http::{Method, Response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use plimsoll_h1::{
    BodyError, Drain, RequestHeadError,
    server::{Idle, Next, NextError, Sent, ServerConfig, ServerConn},
};
use std::{rc::Rc, time::Duration};
use tokio::io::AsyncWriteExt as _;

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
async fn responses_to_pipelined_requests_come_in_order() {
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
    let responses = read_all(&mut client).await;
    let found: Vec<_> = ["/1", "/2", "connection: close\r\n", "/3"]
        .iter()
        .map(|part| responses.find(part).unwrap())
        .collect();
    assert!(found.is_sorted(), "{responses}");
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
async fn continue_is_never_sent_after_the_final_response() {
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
    let response = read_all(&mut client).await;
    assert!(!response.contains("100"), "{response}");
    assert!(response.contains("connection: close"), "{response}");
}

#[tokio::test]
async fn the_response_to_a_refused_request_arrives() {
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
        assert!(matches!(error, NextError::Refused(RequestHeadError::LengthRepeated)));
        let mut response = text("refused");
        *response.status_mut() = RequestHeadError::LengthRepeated.status();
        assert_eq!(conn.respond(response).await.unwrap().next, Next::Close);
        conn.close().await;
    };
    let (response, ()) = tokio::join!(sending, serving);
    assert!(
        response.starts_with("HTTP/1.1 400 Bad Request\r\n") && response.ends_with("refused"),
        "{response}"
    );
}

#[tokio::test]
async fn an_early_response_to_a_long_upload_arrives() {
    let (mut conn, mut client) = loopback().await;
    let sending = async {
        client.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n").await.unwrap();
        let _ = client.write_all(&vec![b'x'; 400_000]).await;
        let response = read_to(&mut client, "early").await;
        drop(client);
        response
    };
    let serving = async {
        drop(next(&mut conn).await);
        assert_eq!(conn.respond(text("early")).await.unwrap().next, Next::Close);
        conn.close().await;
    };
    let (response, ()) = tokio::join!(sending, serving);
    assert!(response.contains("connection: close"), "{response}");
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
async fn http_2_is_recognised_and_nothing_is_lost() {
    let (mut conn, mut client) = loopback().await;
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nframes").await.unwrap();
    let error = conn.next_request(std::future::pending()).await.unwrap_err();
    assert!(matches!(error, NextError::Http2Preface));
    assert_eq!(conn.into_parts().unwrap().1, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nframes");
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_times_out_and_silence_does_so_quietly() {
    let (mut conn, mut client) = pipe(1024);
    assert_eq!(conn.idle(tokio::time::sleep(Duration::from_secs(9))).await, Idle::TimedOut);
    client.write_all(b"GET / HT").await.unwrap();
    assert_eq!(conn.idle(std::future::pending()).await, Idle::Ready);
    let late = conn.next_request(tokio::time::sleep(Duration::from_secs(9))).await;
    assert!(matches!(late, Err(NextError::Refused(RequestHeadError::HeadTimeout))));
    let mut response = text("late");
    *response.status_mut() = RequestHeadError::HeadTimeout.status();
    assert_eq!(conn.respond(response).await.unwrap().next, Next::Close);
    assert!(read_to(&mut client, "late").await.starts_with("HTTP/1.1 408 "));

    let (mut conn, _client) = pipe(1024);
    assert!(conn.next_request(tokio::time::sleep(Duration::from_secs(9))).await.unwrap().is_none());
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
async fn draining_ends_idle_connections_and_marks_responses() {
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
    // A request that came all the same is responded to, and is the last.
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
