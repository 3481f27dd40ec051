//! The payment service hangs, fails, says no, or babbles.

use crate::support::{payments::Behaviour, running::Running, web};
use axum::http::{Method, StatusCode};
use std::collections::HashMap;

async fn pay(service: &Running, id: &str) -> web::FullResponse {
    web::send(service.to, Method::POST, &format!("/v1/orders/{id}/pay"), &[], "").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_hangs_callers_are_told_in_time_and_afterwards_nobody_has_paid_twice() {
    let Some(mut service) = Running::start().await else { return };
    let id = service.place("hangs").await.json()["id"].as_str().unwrap().to_owned();
    service.payments.become_(Behaviour::Hanging);
    let response = pay(&service, &id).await;
    assert_eq!(response.status, StatusCode::GATEWAY_TIMEOUT, "{response:?}");
    // The pool is not what waits: others are served meanwhile.
    assert_eq!(service.get(&format!("/v1/orders/{id}")).await.json()["status"], "placed");

    service.payments.become_(Behaviour::Fine);
    let receipt = loop {
        let response = pay(&service, &id).await;
        match response.status.as_u16() {
            200 => break response.json(),
            // The breaker may have opened meanwhile.
            502..=504 => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            _ => panic!("{response:?}"),
        }
    };
    assert_eq!(pay(&service, &id).await.json(), receipt, "paid is paid");
    assert_eq!(service.payments.charged(), HashMap::from([(id.clone(), 2_500)]));
    assert_eq!(service.get(&format!("/v1/orders/{id}")).await.json()["status"], "paid");
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_pay_at_once_pay_once() {
    let Some(mut service) = Running::start().await else { return };
    let id = service.place("at-once").await.json()["id"].as_str().unwrap().to_owned();
    let responses = tokio::join!(pay(&service, &id), pay(&service, &id), pay(&service, &id));
    let receipts = [responses.0, responses.1, responses.2].map(|response| {
        assert_eq!(response.status, StatusCode::OK, "{response:?}");
        response.json()
    });
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]));
    assert_eq!(service.payments.charges(), 1);
    assert_eq!(service.database.psql("SELECT count(*) FROM outbox WHERE kind = 'order-paid'").await, "1");
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_it_says_the_caller_hears_our_words() {
    let Some(mut service) = Running::start().await else { return };
    let id = service.place("failing").await.json()["id"].as_str().unwrap().to_owned();
    let secret = "hunter2-of-the-payment-service";
    for (behaviour, status) in [
        (Behaviour::Refusing, StatusCode::CONFLICT),
        (Behaviour::Babbling(secret), StatusCode::BAD_GATEWAY),
        (Behaviour::Failing(secret), StatusCode::BAD_GATEWAY),
    ] {
        service.payments.become_(behaviour);
        let response = pay(&service, &id).await;
        assert_eq!(response.status, status, "{behaviour:?}: {response:?}");
        assert!(!response.everything().contains("hunter2"), "{response:?}");
    }
    assert_eq!(service.payments.charges(), 0);
    service.is_well().await;
}
