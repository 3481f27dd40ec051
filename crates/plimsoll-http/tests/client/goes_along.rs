//! Headers that a request takes along: its key, the rest of its time, its trace.

use crate::{
    server::Server,
    stand::{patient, retrying},
};
use axum::{body::Body, response::Response};
use plimsoll_http::{client::Client, headers::TraceParent};
use plimsoll_policy::{PolicySpec, Timeouts};
use plimsoll_task::Deadline;
use std::time::Duration;

const LEFT: &str = "x-envoy-expected-rq-timeout-ms";

#[tokio::test]
async fn the_same_key_on_each_attempt_and_another_on_each_request() {
    let server = Server::start(|number| async move {
        Response::builder().status(if number == 0 { 503 } else { 200 }).body(Body::empty()).unwrap()
    })
    .await;
    let client = Client::to(&server.origin, retrying()).unwrap();
    client.post("/pay").json(&7).idempotent().send().await.unwrap().success().unwrap();
    client.post("/pay").json(&7).idempotent().send().await.unwrap();
    client.post("/pay").header("idempotency-key", "\"mine\"").idempotent().send().await.unwrap();
    let key = |at| server.header(at, "idempotency-key").unwrap();
    assert_eq!(key(0), key(1));
    assert_ne!(key(1), key(2));
    assert_eq!(key(3), "\"mine\"");
    let (parts, body) = server.asked(1);
    assert_eq!((parts.headers["content-type"].to_str().unwrap(), &body[..]), ("application/json", &b"7"[..]));
}

#[tokio::test]
async fn what_is_left_of_the_time() {
    let server = Server::content().await;
    let total = Timeouts { total: Some(Duration::from_secs(10)), ..Timeouts::NONE };
    let client = Client::to(&server.origin, PolicySpec { timeouts: total, ..PolicySpec::OFF }).unwrap();
    client.get("/").send().await.unwrap();
    Deadline::after(Duration::from_secs(5)).scope(client.get("/").send()).await.unwrap();
    let grpc = client.post("/").header("content-type", "application/grpc");
    Deadline::after(Duration::from_secs(5)).scope(grpc.send()).await.unwrap();
    let left = |at| server.header(at, LEFT).unwrap().parse::<u64>().unwrap();
    assert!((9_000..=10_000).contains(&left(0)) && (4_000..=5_000).contains(&left(1)));
    assert_eq!(server.header(2, LEFT), None);
    assert!(server.header(2, "grpc-timeout").unwrap().ends_with('m'));

    let never = Client::to(&server.origin, PolicySpec::OFF).unwrap();
    never.get("/").send().await.unwrap();
    assert_eq!(server.header(3, LEFT), None, "nothing is said where there is no end");
    let mute = Client::builder().propagate_deadline(false).origin(&server.origin, patient()).unwrap();
    mute.get("/").send().await.unwrap();
    assert_eq!(server.header(4, LEFT), None);
}

#[tokio::test]
async fn the_trace_under_a_span_of_its_own() {
    let server = Server::content().await;
    let client = Client::to(&server.origin, patient()).unwrap();
    let here = TraceParent { trace: 0xabc, parent: 0xdef, flags: 1 };
    here.scope(client.get("/").send()).await.unwrap();
    let sent = TraceParent::of(&server.asked(0).0.headers).unwrap();
    assert_eq!((sent.trace, sent.flags), (0xabc, 1));
    assert_ne!(sent.parent, 0xdef);
}

#[tokio::test]
async fn the_host_and_the_path_as_they_are() {
    let server = Server::content().await;
    let client = Client::to(&server.origin, patient()).unwrap();
    client.get("/a/b?c=d%20e").header("x-a", "1").header("x-a", "2").send().await.unwrap();
    let (parts, _) = server.asked(0);
    assert_eq!(parts.uri, "/a/b?c=d%20e");
    assert_eq!(server.header(0, "host").unwrap(), server.origin.strip_prefix("http://").unwrap());
    assert_eq!(parts.headers.get_all("x-a").iter().count(), 2);
    assert_eq!(server.header(0, "traceparent"), None, "no trace is begun");
}
