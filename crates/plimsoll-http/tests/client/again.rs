//! Retries, hedges, the breaker, and connections that are gone when they are used.

use crate::stand::{LONG, SHORT, client, handle, patient, retrying, upstream};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::StreamBody;
use plimsoll_http::client::{Client, Error};
use plimsoll_policy::{
    BreakerState, Machine, PolicySpec,
    breaker::BreakerSpec,
    hedge::{HedgeDelay, HedgeSpec},
    rate::RateLimitSpec,
    units::Ratio,
};
use plimsoll_testkit::{Fault, FaultyUpstream, Refusing};
use std::{convert::Infallible, num::NonZeroU32};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

async fn first(fault: Fault) -> FaultyUpstream {
    FaultyUpstream::start(
        move |connection| if connection == 0 { fault.clone() } else { Fault::Healthy("ok".into()) },
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn a_get_is_sent_again_over_another_connection() {
    for fault in [Fault::Reset, Fault::ResetAtOnce, Fault::Close, Fault::NotHttp] {
        let upstream = first(fault.clone()).await;
        let response = client(&upstream, retrying()).get("/").send().await.unwrap();
        assert_eq!(response.bytes().await.unwrap(), "ok", "{fault:?}");
        assert_eq!(upstream.connections(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_post_is_sent_again_with_a_key_alone() {
    let upstream = first(Fault::Reset).await;
    let client = client(&upstream, retrying());
    let error = client.post("/").body("pay").send().await.unwrap_err();
    assert!(matches!(error, Error::Broken { .. }), "{error}");
    assert_eq!(upstream.requests(), 1);

    let upstream = first(Fault::Reset).await;
    let client = crate::stand::client(&upstream, retrying());
    assert_eq!(client.post("/").body("pay").idempotent().send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(upstream.requests(), 2);
}

#[tokio::test]
async fn a_post_that_never_left_is_sent_again() {
    let upstream = first(Fault::ResetAtOnce).await;
    drop(upstream);
    let refusing = Refusing::new().unwrap();
    let client = Client::to(&format!("http://{}", refusing.address()), retrying()).unwrap();
    let error = client.post("/").body("pay").send().await.unwrap_err();
    assert!(error.is_connect(), "{error}");
    assert_eq!(handle(&client).pool().failed, 3, "every attempt of the policy was made");
}

#[tokio::test]
async fn a_streamed_body_is_sent_again_as_it_was() {
    let upstream = first(Fault::Reset).await;
    let chunks = ["one", "two"].map(|chunk| Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(chunk))));
    let body = StreamBody::new(futures_util::stream::iter(chunks));
    let response = client(&upstream, retrying()).put("/").stream(body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(upstream.requests(), 2);
}

#[tokio::test]
async fn a_slow_attempt_is_hedged_and_the_first_response_wins() {
    let upstream = first(Fault::Silent).await;
    let hedge = HedgeSpec { after: HedgeDelay::Fixed(SHORT), budget: Ratio::ONE };
    let client = client(&upstream, PolicySpec { hedge: Some(hedge), ..patient() });
    assert_eq!(client.get("/").send().await.unwrap().bytes().await.unwrap(), "ok");
    assert_eq!(upstream.connections(), 2);
    assert_eq!(handle(&client).pool().open, 1, "the loser's connection is closed");
}

#[tokio::test]
async fn the_breaker_opens_and_nothing_more_is_sent() {
    let upstream = upstream(Fault::Status(503)).await;
    let breaker = BreakerSpec { consecutive_failures: NonZeroU32::new(2), ..BreakerSpec::default() };
    let client = client(&upstream, PolicySpec { breaker: Some(breaker), ..patient() });
    for _ in 0..2 {
        assert_eq!(client.get("/").send().await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(handle(&client).snapshot().breaker.unwrap().state, BreakerState::Open);
    let error = client.get("/").send().await.unwrap_err();
    assert_eq!(error.rejected().unwrap().by, Machine::Breaker);
    let problem = plimsoll_http::Problem::from(error);
    assert!(problem.retry_after().is_some());
    assert_eq!(upstream.requests(), 2);
}

#[tokio::test]
async fn the_rate_limit_refuses_before_anything_is_sent() {
    let upstream = upstream(Fault::Healthy("ok".into())).await;
    let mut rate = RateLimitSpec::new("1/h".parse().unwrap());
    rate.burst = plimsoll_policy::units::Burst::ONE;
    let client = client(&upstream, PolicySpec { rate_limit: Some(rate), ..patient() });
    client.get("/").send().await.unwrap();
    assert_eq!(client.get("/").send().await.unwrap_err().rejected().unwrap().by, Machine::RateLimit);
    assert_eq!(upstream.requests(), 1);
}

#[tokio::test]
async fn new_thresholds_hold_from_the_next_call_on() {
    let upstream = upstream(Fault::Healthy("ok".into())).await;
    let client = client(&upstream, patient());
    let mut rate = RateLimitSpec::new("1/h".parse().unwrap());
    rate.burst = plimsoll_policy::units::Burst::ONE;
    handle(&client).update(PolicySpec { rate_limit: Some(rate), ..patient() });
    client.get("/").send().await.unwrap();
    assert!(client.get("/").send().await.unwrap_err().is_rejected());
}

/// Responds to one request on each connection as if more could follow, and then closes it.
async fn closes_after_each() -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            if stream.read(&mut [0; 1024]).await.unwrap() > 0 {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
            }
        }
    });
    (origin, serving)
}

#[tokio::test]
async fn a_kept_connection_that_is_closed_when_it_is_used_is_nobodys_failure() {
    let (origin, serving) = closes_after_each().await;
    // Without retries: it is no attempt that has failed. A POST too, as long as nothing of it has left.
    let client = Client::to(&origin, patient()).unwrap();
    for _ in 0..5 {
        assert_eq!(client.get("/").send().await.unwrap().bytes().await.unwrap(), "ok");
        // Until the peer's closing has come over.
        tokio::time::sleep(SHORT).await;
        assert_eq!(client.post("/").body("pay").send().await.unwrap().bytes().await.unwrap(), "ok");
        tokio::time::sleep(SHORT).await;
    }
    serving.abort();
}

#[tokio::test]
async fn connections_are_used_again() {
    let upstream = upstream(Fault::Healthy("ok".into())).await;
    let client = client(&upstream, patient());
    for _ in 0..10 {
        assert_eq!(client.get("/").send().await.unwrap().bytes().await.unwrap(), "ok");
    }
    let pool = handle(&client).pool();
    assert_eq!((upstream.connections(), pool.open, pool.idle, pool.used, pool.reused), (1, 1, 1, 10, 9));
    assert!((pool.reuse_ratio() - 0.9).abs() < 1e-9);
}

#[tokio::test]
async fn what_breaks_off_is_broken() {
    for fault in [Fault::Truncated, Fault::TruncatedChunk, Fault::ResetInBody] {
        let upstream = upstream(fault.clone()).await;
        let client = client(&upstream, patient());
        let response = tokio::time::timeout(LONG, client.get("/").send()).await.unwrap();
        let error = match response {
            Ok(response) => response.bytes().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(error, Error::Broken { .. }), "{fault:?}: {error}");
        assert_eq!(handle(&client).pool().open, 0, "{fault:?}");
    }
}

#[tokio::test]
async fn an_interim_response_is_not_the_response() {
    let bytes =
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let upstream = upstream(Fault::Raw(bytes.into())).await;
    let response = client(&upstream, patient()).get("/").send().await.unwrap();
    assert_eq!((response.status(), response.bytes().await.unwrap()), (StatusCode::OK, "ok".into()));
}

#[tokio::test]
async fn every_fault_comes_to_an_end() {
    for fault in Fault::all() {
        let upstream = upstream(fault.clone()).await;
        let timeouts =
            plimsoll_policy::Timeouts { total: Some(SHORT * 10), ..plimsoll_policy::Timeouts::default() };
        let policy = PolicySpec { timeouts, ..PolicySpec::default() };
        let client = client(&upstream, policy);
        let call = async { client.get("/").send().await?.bytes().await };
        let _response_or_error =
            tokio::time::timeout(LONG, call).await.unwrap_or_else(|_| panic!("{fault:?}"));
        let bulkhead = handle(&client).snapshot().bulkhead.unwrap();
        assert_eq!((bulkhead.in_flight, handle(&client).pool().in_use()), (0, 0), "{fault:?}");
    }
}
