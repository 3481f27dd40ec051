//! Kept connections that are gone when they are used.

use crate::stand::{handle, patient};
use http::Method;
use plimsoll_http::client::Client;
use plimsoll_policy::{PolicySpec, breaker::BreakerSpec};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A server that sends one response on each connection and then a 408, as after waiting long enough; and how many
/// connections it has had.
async fn impatient() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Relaxed);
            tokio::spawn(one_response(stream));
        }
    });
    (origin, connections)
}

async fn one_response(mut stream: TcpStream) {
    request(&mut stream).await;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    // When the next one comes, so that it is certain to cross it.
    request(&mut stream).await;
    let late = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let _ = stream.write_all(late).await;
}

async fn request(stream: &mut TcpStream) {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") && stream.read_buf(&mut read).await.is_ok_and(|more| more > 0) {}
}

#[tokio::test]
async fn a_408_on_a_kept_connection_is_a_connection_that_is_gone() {
    let (origin, connections) = impatient().await;
    let policy = PolicySpec { breaker: Some(BreakerSpec::default()), ..patient() };
    let client = Client::to(&origin, policy).unwrap();
    for _ in 0..3 {
        let response = client.get("/").send().await.unwrap();
        assert_eq!((response.status().as_u16(), &*response.bytes().await.unwrap()), (200, &b"ok"[..]));
    }
    assert_eq!(connections.load(Relaxed), 3, "each but the first is asked over a new one");
    let counts = handle(&client).snapshot().breaker.unwrap().counts;
    assert_eq!((counts.calls, counts.failures), (3, 0), "nobody has failed, and nothing was tried twice");
}

#[tokio::test]
async fn what_may_not_be_sent_twice_gets_its_408() {
    let (origin, connections) = impatient().await;
    let client = Client::to(&origin, patient()).unwrap();
    client.get("/").send().await.unwrap().bytes().await.unwrap();
    let response = client.request(Method::POST, "/").send().await.unwrap();
    assert_eq!((response.status().as_u16(), connections.load(Relaxed)), (408, 1));
}

#[tokio::test]
async fn a_408_on_a_new_connection_is_a_response() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        let late = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(late).await.unwrap();
    });
    let client = Client::to(&origin, patient()).unwrap();
    assert_eq!(client.get("/").send().await.unwrap().status().as_u16(), 408);
}
