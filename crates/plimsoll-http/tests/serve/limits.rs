//! Clients that take too long, send too much, or come too often.

use crate::{
    client::{PATIENCE, Raw, ask, get},
    stand::Stand,
};
use plimsoll_http::{
    body::ByteLimit,
    serve::{Limits, TimeLimit},
};
use plimsoll_policy::{bulkhead::BulkheadSpec, rate::RateLimitSpec};
use std::{num::NonZeroU32, time::Duration};

#[allow(clippy::unnecessary_wraps)] // as the limits take it
fn millis(millis: u64) -> Option<TimeLimit> {
    Some(Duration::from_millis(millis).try_into().unwrap())
}

/// Without shedding: how long ready tasks wait for this machine's processors is not ours to say.
async fn stand(limits: Limits) -> Stand {
    Stand::with(|server| server.limits(Limits { shedding: None, ..limits })).await
}

#[tokio::test]
async fn a_slow_head_ends_its_connection() {
    let stand = stand(Limits { head_time: millis(50), ..Limits::default() }).await;
    for begun in ["", "G", "GET / HTTP/1.1\r\nhost: a\r\nx-slow: ", "PRI * HTTP/2.0\r\n"] {
        let mut raw = Raw::to(stand.address).await;
        raw.send(begun).await;
        assert!(raw.rest().await.is_empty(), "{begun:?}");
    }
    stand.until("plimsoll_server_connections_cut_total{door=\"app\",reason=\"slow-head\"}", 4.0).await;
}

#[tokio::test]
async fn a_kept_connection_may_rest_but_a_head_that_has_begun_has_to_come() {
    // Long enough for the first request's head, however busy the machine is.
    let stand = stand(Limits { head_time: Some(TimeLimit::seconds(2)), ..Limits::default() }).await;
    let mut raw = Raw::to(stand.address).await;
    assert_eq!(raw.get("/").await.unwrap().status, 200);
    raw.send("GET").await;
    assert!(raw.rest().await.is_empty());
    stand.until("plimsoll_server_connections_cut_total{door=\"app\",reason=\"slow-head\"}", 1.0).await;
}

#[tokio::test]
async fn a_connection_without_requests_is_let_go() {
    let stand = stand(Limits { idle: millis(50), ..Limits::default() }).await;
    let mut raw = Raw::to(stand.address).await;
    assert_eq!(raw.get("/").await.unwrap().status, 200);
    assert!(raw.rest().await.is_empty());
    stand.until("plimsoll_server_connections{door=\"app\"}", 0.0).await;
}

#[tokio::test]
async fn a_slow_body_is_a_request_timeout() {
    let stand = stand(Limits { body_idle: millis(50), ..Limits::default() }).await;
    let mut raw = Raw::to(stand.address).await;
    raw.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nonly this").await;
    let answer = raw.answer().await.unwrap();
    assert_eq!((answer.status, answer.kind().as_str()), (408, "request-timeout"));
    assert!(raw.rest().await.is_empty(), "nothing more is read of it");
}

#[tokio::test]
async fn a_body_that_trickles_has_an_end_too() {
    let stand = stand(Limits { body_time: millis(100), body_idle: None, ..Limits::default() }).await;
    let mut raw = Raw::to(stand.address).await;
    raw.send("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n").await;
    assert_eq!(raw.answer().await.unwrap().status, 408);
}

#[tokio::test]
async fn a_huge_body_is_refused_unread_or_as_it_passes_the_limit() {
    let stand = stand(Limits { body_size: ByteLimit::new(1000).ok(), ..Limits::default() }).await;
    // Told beforehand: refused before a byte of it is sent.
    let mut raw = Raw::to(stand.address).await;
    raw.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\nexpect: 100-continue\r\n\r\n")
        .await;
    let answer = raw.answer().await.unwrap();
    assert_eq!((answer.status, answer.kind().as_str()), (413, "body-too-large"));

    // Not told: counted.
    let mut raw = Raw::to(stand.address).await;
    raw.send("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
    raw.try_send(format!("800\r\n{}\r\n", "x".repeat(0x800)).as_bytes()).await;
    let answer = raw.answer().await.unwrap();
    assert_eq!((answer.status, answer.kind().as_str()), (413, "body-too-large"));

    assert_eq!(ask(stand.address, "POST /echo HTTP/1.1", &"x".repeat(1000)).await.status, 200);
    assert_eq!(ask(stand.address, "POST /echo HTTP/1.1", &"x".repeat(1001)).await.status, 413);
}

#[tokio::test]
async fn the_limit_that_is_set_is_the_one_that_counts() {
    let stand = stand(Limits { body_size: Some(ByteLimit::kib(5 << 10)), ..Limits::default() }).await;
    let answer = ask(stand.address, "POST /echo HTTP/1.1", &"x".repeat(4 << 20)).await;
    assert_eq!((answer.status, answer.body.len()), (200, 4 << 20), "axum's own 2 MB do not come before it");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let stand = Stand::new().await;
    let mut raw = Raw::to(stand.address).await;
    raw.send("GET / HTTP/1.1\r\nhost: a\r\nx-large: ").await;
    raw.try_send(&vec![b'x'; 100 * 1024]).await;
    raw.try_send(b"\r\n\r\n").await;
    let told = String::from_utf8(raw.rest().await).unwrap();
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 431 "), "{told}");
    let mut raw = Raw::to(stand.address).await;
    let fields = "x-many: 1\r\n".repeat(101);
    raw.send(&format!("GET / HTTP/1.1\r\n{fields}\r\n")).await;
    assert!(String::from_utf8(raw.rest().await).unwrap().starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_until_there_is_room() {
    let stand = stand(Limits { connections: NonZeroU32::new(2), ..Limits::default() }).await;
    let (mut one, mut two) = (Raw::to(stand.address).await, Raw::to(stand.address).await);
    assert!(one.get("/").await.is_some() && two.get("/").await.is_some());
    let mut three = Raw::to(stand.address).await;
    three.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    // While both places are taken and answer, the third is not served.
    assert!(one.get("/").await.is_some() && two.get("/").await.is_some());
    assert!((stand.metric("plimsoll_server_connections_accepted_total{door=\"app\"}") - 2.0).abs() < 0.1);
    drop(one);
    assert_eq!(three.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_deadline_is_kept_for_the_caller() {
    let stand = Stand::new().await;
    for header in
        ["x-envoy-expected-rq-timeout-ms: 50", "grpc-timeout: 50m", "x-envoy-expected-rq-timeout-ms: 0"]
    {
        let answer = ask(stand.address, &format!("GET /held HTTP/1.1\r\n{header}"), "").await;
        assert_eq!((answer.status, answer.kind().as_str()), (504, "deadline-exceeded"), "{header}");
    }
    stand.until("plimsoll_server_requests_total{route=\"/held\",code=\"5xx\"}", 2.0).await;
    stand.until("plimsoll_problems_total{kind=\"deadline-exceeded\",route=\"\"}", 3.0).await;
}

#[tokio::test]
async fn the_servers_own_limit_spans_the_answers_body() {
    let stand = stand(Limits { total: Some(TimeLimit::seconds(1)), ..Limits::default() }).await;
    assert_eq!(get(stand.address, "/held").await.status, 504);
    let mut raw = Raw::to(stand.address).await;
    raw.send("GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let all = String::from_utf8(raw.rest().await).unwrap();
    assert!(
        all.starts_with("HTTP/1.1 200") && !all.ends_with("0\r\n\r\n"),
        "no part is taken for the whole: {all}"
    );
}

#[tokio::test]
async fn a_client_that_does_not_read_is_given_up() {
    let stand = stand(Limits { stall: millis(100), total: None, ..Limits::default() }).await;
    let mut raw = Raw::to(stand.address).await;
    raw.send("GET /flood HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stand.until("plimsoll_server_connections_cut_total{door=\"app\",reason=\"broken\"}", 1.0).await;
    stand.until("plimsoll_server_requests_in_flight", 0.0).await;
}

#[tokio::test]
async fn one_client_does_not_take_it_all() {
    let mut spec = RateLimitSpec::new("1/h".parse().unwrap());
    spec.burst = 2.try_into().unwrap();
    let stand = stand(Limits { client_rate: Some(spec), ..Limits::default() }).await;
    assert_eq!(get(stand.address, "/").await.status, 200);
    assert_eq!(get(stand.address, "/").await.status, 200);
    let refused = get(stand.address, "/").await;
    assert_eq!((refused.status, refused.kind().as_str()), (429, "rate-limited"));
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() > 3000);
}

#[tokio::test]
async fn behind_a_trusted_proxy_clients_are_told_apart() {
    let mut spec = RateLimitSpec::new("1/h".parse().unwrap());
    spec.burst = 1.try_into().unwrap();
    let limits = Limits { client_rate: Some(spec), shedding: None, ..Limits::default() };
    let stand = Stand::with(|server| server.limits(limits).trusting(["127.0.0.1".parse().unwrap()])).await;
    let by = async |client: &str| {
        ask(stand.address, &format!("GET / HTTP/1.1\r\nx-forwarded-for: {client}"), "").await.status
    };
    assert_eq!([by("192.0.2.1").await, by("192.0.2.2").await, by("192.0.2.1").await], [200, 200, 429]);
}

#[tokio::test]
async fn a_clients_places_are_given_back() {
    let limits = Limits { client_in_flight: NonZeroU32::new(1), ..Limits::default() };
    let stand = stand(limits).await;
    let mut held = Raw::to(stand.address).await;
    held.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stand.until("plimsoll_server_requests_in_flight", 1.0).await;
    let refused = get(stand.address, "/").await;
    assert_eq!((refused.status, refused.kind().as_str()), (503, "bulkhead-full"));
    // The client goes away in the middle: its place is free again, and it is counted as gone.
    drop(held);
    stand.until("plimsoll_server_requests_in_flight", 0.0).await;
    stand.until("plimsoll_server_requests_total{route=\"/held\",code=\"gone\"}", 1.0).await;
    assert_eq!(get(stand.address, "/").await.status, 200);
}

#[tokio::test]
async fn who_finds_no_place_waits_in_line() {
    let places = BulkheadSpec { in_flight: NonZeroU32::MIN, waiting: 1, wait: PATIENCE };
    let stand = stand(Limits { in_flight: Some(places), shedding: None, ..Limits::default() }).await;
    let mut first = Raw::to(stand.address).await;
    first.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stand.until("plimsoll_server_requests_in_flight", 1.0).await;
    let mut second = Raw::to(stand.address).await;
    second.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stand.until("plimsoll_server_requests_in_line", 1.0).await;
    assert_eq!(get(stand.address, "/").await.kind(), "bulkhead-full");
    stand.gate.add_permits(1);
    assert_eq!(first.answer().await.unwrap().body, "released");
    assert_eq!(second.answer().await.unwrap().body, "hello");
}
