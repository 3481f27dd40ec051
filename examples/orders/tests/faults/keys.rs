//! Keys: none, twice at once, twice one after the other, for something else.

use crate::support::{
    running::{Running, order},
    web::{self, post},
};
use axum::http::{Method, StatusCode};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_nothing_is_placed() {
    let Some(mut service) = Running::start().await else { return };
    let body = order("none").to_string();
    for (headers, kind) in [
        (vec![("content-type", "application/json")], "idempotency-key-missing"),
        (vec![("content-type", "application/json"), ("idempotency-key", "")], "idempotency-key-invalid"),
        (
            vec![
                ("content-type", "application/json"),
                ("idempotency-key", "\"a\""),
                ("idempotency-key", "\"b\""),
            ],
            "idempotency-key-invalid",
        ),
    ] {
        let response =
            web::send(service.to, Method::POST, "/v1/orders", &headers, body.clone()).await.unwrap();
        assert_eq!((response.status, response.kind().as_str()), (StatusCode::BAD_REQUEST, kind));
    }
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_again_gets_the_same_response() {
    let Some(mut service) = Running::start().await else { return };
    let first = service.place("again").await;
    assert_eq!(
        first.headers["location"].to_str().unwrap(),
        format!("/v1/orders/{}", first.json()["id"].as_str().unwrap())
    );
    for _ in 0..3 {
        let again = service.place("again").await;
        assert_eq!(
            (again.status, &again.body, &again.headers["location"]),
            (first.status, &first.body, &first.headers["location"])
        );
    }
    let other = post(service.to, "/v1/orders", "again", &order("something else")).await;
    assert_eq!(
        (other.status, other.kind().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused")
    );
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_at_once_are_one_order() {
    let Some(mut service) = Running::start().await else { return };
    let lock = service.lock("outbox").await;
    let (to, body) = (service.to, order("twins"));
    let first = tokio::spawn(async move { post(to, "/v1/orders", "twins", &body).await });
    service.waiting(1).await;
    let twins: Vec<_> = (0..3)
        .map(|_| {
            let body = order("twins");
            tokio::spawn(async move { post(to, "/v1/orders", "twins", &body).await })
        })
        .collect();
    drop(lock);
    let first = first.await.unwrap();
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    service.note("twins", &first);
    for twin in twins {
        let response = twin.await.unwrap();
        match response.status {
            StatusCode::CREATED => assert_eq!(response.body, first.body),
            StatusCode::CONFLICT => assert_eq!(response.kind(), "idempotency-key-in-flight"),
            _ => panic!("{response:?}"),
        }
    }
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_may_be_put_right_under_the_same_key() {
    let Some(mut service) = Running::start().await else { return };
    let mut wrong = order("put-right");
    wrong["customer"] = "Nobody!".into();
    let refused = post(service.to, "/v1/orders", "put-right-1", &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    service.place("put-right").await;
    service.is_well().await;
}
