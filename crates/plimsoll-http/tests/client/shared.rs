//! Equal GETs at the same time.

use crate::{
    server::Server,
    stand::{SHORT, patient, until},
};
use axum::{body::Body, response::Response};
use plimsoll_http::client::{Client, Singleflight};
use plimsoll_task::Deadline;
use std::time::Duration;

async fn slow(bytes: usize) -> Server {
    Server::start(move |number| async move {
        tokio::time::sleep(SHORT * 2).await;
        Response::builder().header("x-number", number).body(Body::from("x".repeat(bytes))).unwrap()
    })
    .await
}

fn client(server: &Server) -> Client {
    Client::builder()
        .singleflight(Singleflight::default().bounded(100))
        .origin(&server.origin, patient())
        .unwrap()
}

async fn all(client: &Client, requests: &[(&str, &str)]) -> Vec<(String, usize)> {
    let calls = requests.iter().map(|(path, user)| async move {
        let response = client.get(path).header("authorization", *user).send().await.unwrap();
        let number = response.headers()["x-number"].to_str().unwrap().to_owned();
        (number, response.bytes().await.unwrap().len())
    });
    futures_util::future::join_all(calls).await
}

#[tokio::test]
async fn one_request_is_sent_and_all_get_its_response() {
    let server = slow(50).await;
    let responses = all(&client(&server), &[("/a", "me"); 10]).await;
    assert_eq!((server.count(), responses), (1, vec![("0".to_owned(), 50); 10]));
}

#[tokio::test]
async fn what_is_not_equal_goes_alone() {
    let server = slow(50).await;
    all(&client(&server), &[("/a", "me"), ("/b", "me"), ("/a", "you"), ("/a?b", "me")]).await;
    assert_eq!(server.count(), 4);
}

#[tokio::test]
async fn what_is_too_large_to_be_shared_comes_whole_nevertheless() {
    let server = slow(1000).await;
    let responses = all(&client(&server), &[("/a", "me"); 3]).await;
    assert_eq!(server.count(), 3);
    assert!(responses.iter().all(|(_, length)| *length == 1000));
}

#[tokio::test]
async fn who_has_more_time_does_not_fail_with_who_has_less() {
    let server = slow(50).await;
    let client = client(&server);
    let hurried = tokio::spawn(Deadline::after(SHORT).scope(client.get("/a").send()));
    until(|| server.count() == 1).await;
    let patient = client.get("/a").send().await.unwrap();
    assert_eq!(patient.bytes().await.unwrap().len(), 50);
    assert!(hurried.await.unwrap().unwrap_err().is_timeout());
}

#[tokio::test]
async fn who_follows_waits_no_longer_than_it_may() {
    let server = slow(50).await;
    let client = client(&server);
    let leading = tokio::spawn(client.get("/a").send());
    until(|| server.count() == 1).await;
    let error = Deadline::after(Duration::from_millis(5)).scope(client.get("/a").send()).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    leading.await.unwrap().unwrap();
    assert_eq!(server.count(), 1);
}
