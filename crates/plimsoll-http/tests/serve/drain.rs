//! How a server ends.

use crate::{
    client::{PATIENCE, Raw, get},
    stand::Stand,
};
use plimsoll_http::serve::Server;
use plimsoll_task::drain::{Drain, Limits, Phase};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let stand = Stand::new().await;
    let (mut idle, mut held) = (Raw::to(stand.address).await, Raw::to(stand.address).await);
    assert!(idle.get("/").await.is_some());
    held.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stand.until("plimsoll_server_requests_in_flight", 1.0).await;
    stand.drain.request();
    assert!(idle.rest().await.is_empty(), "a connection at rest is closed");
    assert_eq!(get(stand.admin, "/readyz").await.status, 503);
    assert_eq!(get(stand.admin, "/livez").await.status, 200, "the admin answers to the last");
    assert!(TcpStream::connect(stand.address).await.is_err(), "nobody else comes in");
    stand.gate.add_permits(1);
    let answer = held.answer().await.unwrap();
    assert_eq!((answer.body.as_str(), answer.header("connection")), ("released", Some("close")));
    stand.ended().await.unwrap();
}

/// A drain that does not wait for requests.
fn hasty() -> Drain {
    Drain::new(Limits { requests: Duration::from_millis(50), ..Limits::default() })
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_off() {
    let stand = Stand::with(|server| server.drain(hasty())).await;
    let mut held = Raw::to(stand.address).await;
    held.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stand.until("plimsoll_server_requests_in_flight", 1.0).await;
    stand.drain.request();
    assert!(held.rest().await.is_empty());
    stand.ended().await.unwrap();
}

#[tokio::test]
async fn a_half_sent_head_does_not_hold_up_the_end() {
    let stand = Stand::with(|server| server.drain(hasty())).await;
    let mut half = Raw::to(stand.address).await;
    half.send("GET / HT").await;
    stand.until("plimsoll_server_connections{door=\"app\"}", 1.0).await;
    stand.drain.request();
    stand.ended().await.unwrap();
}

#[tokio::test]
async fn a_panic_can_be_the_beginning_of_the_end() {
    let stand = Stand::with(Server::drain_after_panic).await;
    let mut raw = Raw::to(stand.address).await;
    assert_eq!(raw.get("/boom").await.unwrap().status, 500, "its caller is answered");
    stand.ended().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_dropped_cuts_its_connections() {
    let stand = Stand::new().await;
    let mut held = Raw::to(stand.address).await;
    held.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stand.until("plimsoll_server_requests_in_flight", 1.0).await;
    stand.running.abort();
    assert!(held.rest().await.is_empty());
    let closed = async { while TcpStream::connect(stand.address).await.is_ok() {} };
    timeout(PATIENCE, closed).await.unwrap();
}

#[tokio::test]
async fn workers_and_stores_go_down_after_the_requests() {
    let (drain, order) = (Drain::default(), Arc::new(Mutex::new(Vec::new())));
    for (phase, name) in [(Phase::Stores, "store"), (Phase::Workers, "worker")] {
        let order = Arc::clone(&order);
        drain.hook(phase, name, async move { order.lock().unwrap().push(name) }).unwrap();
    }
    let stand = Stand::with(|server| server.drain(drain)).await;
    let mut held = Raw::to(stand.address).await;
    held.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stand.until("plimsoll_server_requests_in_flight", 1.0).await;
    stand.drain.request();
    assert_eq!(get(stand.admin, "/readyz").await.status, 503);
    assert!(order.lock().unwrap().is_empty(), "a request is still under way");
    stand.gate.add_permits(1);
    assert_eq!(held.answer().await.unwrap().body, "released");
    stand.ended().await.unwrap();
    assert_eq!(*order.lock().unwrap(), ["worker", "store"]);
}
