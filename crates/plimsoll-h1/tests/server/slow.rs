//! Slow clients and slow sources; time is paused.

use crate::support::{GET, next, pipe, pipe_with, poll_once, read_to};
use bytes::Bytes;
use http::Response;
use http_body::Frame;
use http_body_util::Full;
use plimsoll_h1::server::{Next, RespondError, RespondErrorKind, Sent, ServerConfig};
use std::{convert::Infallible, num::NonZeroU64, rc::Rc, time::Duration};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_given_up() {
    let (mut conn, mut client) = pipe(64);
    client.write_all(GET).await.unwrap();
    next(&mut conn).await;
    let began = tokio::time::Instant::now();
    let body = Full::new(Bytes::from(vec![b'x'; 10_000]));
    let error = conn.respond(Response::new(body)).await.unwrap_err();
    assert!(matches!(error.kind, RespondErrorKind::Stalled) && error.started);
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
    let responding = async {
        let sent = conn.respond(Response::new(body)).await;
        drop(conn);
        sent
    };
    tokio::join!(responding, reading).0
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_below_the_rate_is_given_up() {
    let error = read_slowly(100).await.unwrap_err();
    assert!(matches!(error.kind, RespondErrorKind::Stalled) && error.started);
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
    let response = conn.respond(Response::new(http_body_util::StreamBody::new(chunks)));
    let (sent, _) = tokio::join!(response, read_to(&mut client, "0\r\n\r\n"));
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
    let response = conn.respond(Response::new(endless));
    tokio::pin!(response);
    assert!(poll_once(response.as_mut()).is_pending());
    assert_eq!(asked.get(), 1);
}
