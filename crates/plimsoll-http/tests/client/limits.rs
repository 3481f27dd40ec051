//! Each row of the timeout matrix.

use crate::stand::{LONG, SHORT, client, handle, limited, upstream};
use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody, channel::Channel};
use plimsoll_http::client::Client;
use plimsoll_policy::{BreakerState, Limit, PolicySpec, Timeouts, breaker::BreakerSpec};
use plimsoll_task::Deadline;
use plimsoll_testkit::{Fault, FaultyUpstream};
use std::{convert::Infallible, num::NonZeroU32, time::Duration};
use tokio::{net::TcpSocket, time::timeout};

async fn ran_out(client: &Client) -> Option<Limit> {
    let response = timeout(LONG, client.get("/").send()).await.expect("a limit holds");
    response.expect_err("a limit ran out").timed_out()
}

/// An address that takes no connection: its line of those who wait to be accepted is full.
async fn full() -> (tokio::net::TcpListener, Vec<tokio::net::TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = timeout(SHORT, tokio::net::TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    (listener, waiting)
}

#[tokio::test]
async fn connect() {
    let (listener, _waiting) = full().await;
    let policy = limited(Timeouts { connect: Some(SHORT), ..Timeouts::NONE });
    let client = Client::to(&format!("http://{}", listener.local_addr().unwrap()), policy).unwrap();
    assert_eq!(ran_out(&client).await, Some(Limit::Connect));
}

#[tokio::test]
async fn first_byte_begins_when_the_request_is_sent() {
    let upstream = upstream(Fault::Silent).await;
    let policy = limited(Timeouts { first_byte: Some(SHORT), ..Timeouts::NONE });
    assert_eq!(ran_out(&client(&upstream, policy)).await, Some(Limit::FirstByte));
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn first_byte_does_not_count_a_slow_upload() {
    let upstream = upstream(Fault::Healthy("ok".into())).await;
    let policy = limited(Timeouts { first_byte: Some(SHORT), total: Some(LONG), ..Timeouts::NONE });
    let (mut send, body) = Channel::<Bytes, Infallible>::new(1);
    let slow = tokio::spawn(async move {
        for _ in 0..4 {
            tokio::time::sleep(SHORT / 2).await;
            send.send_data(Bytes::from_static(b"bit")).await.unwrap();
        }
    });
    let response = client(&upstream, policy).put("/").stream(body).send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), "ok");
    slow.await.unwrap();
}

#[tokio::test]
async fn attempt() {
    let upstream = upstream(Fault::Silent).await;
    let policy = limited(Timeouts { attempt: Some(SHORT), ..Timeouts::NONE });
    assert_eq!(ran_out(&client(&upstream, policy)).await, Some(Limit::Attempt));
}

#[tokio::test]
async fn total_before_the_head() {
    let upstream = upstream(Fault::Deaf).await;
    let policy = limited(Timeouts { total: Some(SHORT), ..Timeouts::NONE });
    assert_eq!(ran_out(&client(&upstream, policy)).await, Some(Limit::Total));
}

#[tokio::test]
async fn total_within_the_body() {
    let upstream = upstream(Fault::EndlessBody).await;
    let policy = limited(Timeouts { total: Some(SHORT * 3), ..Timeouts::NONE });
    let client = client(&upstream, policy);
    let mut body = client.get("/").send().await.unwrap().into_body();
    let error = timeout(LONG, async {
        loop {
            match body.frame().await.expect("it never ends by itself") {
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(error.timed_out(), Some(Limit::Total));
    assert!(body.frame().await.is_none(), "and nothing comes after it");
    assert_eq!(handle(&client).pool().open, 0, "what cannot be read to its end is closed");
}

#[tokio::test]
async fn idle_within_the_body_of_the_response() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
        std::future::pending::<()>().await;
    });
    let policy = limited(Timeouts { idle: Some(SHORT), ..Timeouts::NONE });
    let client = Client::to(&format!("http://{address}"), policy).unwrap();
    let response = client.get("/").send().await.unwrap();
    let error = timeout(LONG, response.bytes()).await.unwrap().unwrap_err();
    assert_eq!(error.timed_out(), Some(Limit::Idle));
    serving.abort();
}

#[tokio::test]
async fn idle_does_not_end_a_body_that_goes_on() {
    let upstream = upstream(Fault::Slow("slow and steady".into(), SHORT / 20)).await;
    let policy = limited(Timeouts { idle: Some(SHORT), total: Some(LONG), ..Timeouts::NONE });
    let response = client(&upstream, policy).get("/").send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), "slow and steady");
}

#[tokio::test]
async fn idle_within_the_requests_body() {
    let upstream = upstream(Fault::Silent).await;
    let policy = limited(Timeouts { idle: Some(SHORT), ..Timeouts::NONE });
    let never =
        StreamBody::new(futures_util::stream::pending::<Result<http_body::Frame<Bytes>, Infallible>>());
    let sent = client(&upstream, policy).put("/").stream(never).send();
    let error = timeout(LONG, sent).await.unwrap().unwrap_err();
    assert_eq!(error.timed_out(), Some(Limit::Idle));
}

#[tokio::test]
async fn the_callers_deadline_narrows_the_total() {
    let upstream = upstream(Fault::Silent).await;
    let client = client(&upstream, limited(Timeouts { total: Some(LONG), ..Timeouts::NONE }));
    let error = Deadline::after(SHORT).scope(client.get("/").send()).await.unwrap_err();
    assert_eq!(error.timed_out(), Some(Limit::Total));
    let error = Deadline::after(Duration::ZERO).scope(client.get("/").send()).await.unwrap_err();
    assert!(error.is_rejected() && error.is_timeout(), "{error}");
    assert_eq!(upstream.requests(), 1, "one that is too late is not sent");
}

#[tokio::test]
async fn callers_in_a_hurry_do_not_open_the_breaker() {
    let upstream = upstream(Fault::Silent).await;
    let breaker = Some(BreakerSpec { consecutive_failures: NonZeroU32::new(1), ..BreakerSpec::default() });
    let of = |attempt| {
        let timeouts = Timeouts { attempt: Some(attempt), total: Some(LONG), ..Timeouts::NONE };
        client(&upstream, PolicySpec { breaker, ..limited(timeouts) })
    };
    for (attempt, state) in [(LONG, BreakerState::Closed), (SHORT + SHORT / 2, BreakerState::Open)] {
        let client = of(attempt);
        let error = Deadline::after(SHORT).scope(client.get("/").send()).await.unwrap_err();
        assert_eq!(error.timed_out(), Some(Limit::Total));
        assert_eq!(handle(&client).snapshot().breaker.unwrap().state, state, "{attempt:?}");
    }
}

#[tokio::test]
async fn a_deadline_ends_a_body_too() {
    let upstream: FaultyUpstream = upstream(Fault::Slow("never read to its end".into(), SHORT)).await;
    let client = client(&upstream, limited(Timeouts::NONE));
    let error = Deadline::after(SHORT * 30)
        .scope(async { client.get("/").send().await?.bytes().await })
        .await
        .unwrap_err();
    assert_eq!(error.timed_out(), Some(Limit::Total));
}
