//! Two versions of the interface, and clients of both: nobody has to move first, and no word is lost on the way.
#![allow(missing_docs)]

mod support;

use axum::http::StatusCode;
use orders::{
    api::{v1, v2},
    domain::{Delivery, NewOrder, Open, open},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{
    running::Running,
    web::{get, post},
};

fn wanted() -> v2::PlaceOrder {
    v2::PlaceOrder {
        customer: "ann".to_owned(),
        reference: Some("evolved".to_owned()),
        lines: vec![v1::Line { sku: "ROPE".to_owned(), quantity: 3, unit_cents: 250 }],
        currency: "EUR".to_owned(),
        delivery: open::read("by-drone").unwrap(),
        note: Some("ring twice".to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_version_1_reads_version_2_and_back() {
    let Some(service) = Running::start().await else { return };
    let response = post(service.to, "/v2/orders", "evolved", &serde_json::to_value(wanted()).unwrap()).await;
    assert_eq!(response.status, StatusCode::CREATED, "{response:?}");
    let new: v2::Order = serde_json::from_slice(&response.body).unwrap();
    // The same bytes, read by a client that never heard of currencies, deliveries and notes.
    let old: v1::Order = serde_json::from_slice(&response.body).unwrap();
    assert_eq!((&old.id, old.total_cents, &old.lines), (&new.id, 750, &new.lines));

    // And back: what version 1 says, read by a client of version 2, means what version 1 always meant.
    let first = get(service.to, &format!("/v1/orders/{}", new.id)).await;
    assert_eq!(serde_json::from_slice::<v1::Order>(&first.body).unwrap(), old);
    let read: v2::Order = serde_json::from_slice(&first.body).unwrap();
    assert_eq!(
        (read.currency.as_str(), read.delivery, read.note),
        ("EUR", Open::Known(Delivery::Post), None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_version_1_places_version_2_shows_with_what_it_always_meant() {
    let Some(service) = Running::start().await else { return };
    let placed = post(service.to, "/v1/orders", "old", &support::running::order("old")).await.json();
    let shown: v2::Order = serde_json::from_slice(
        &get(service.to, &format!("/v2/orders/{}", placed["id"].as_str().unwrap())).await.body,
    )
    .unwrap();
    assert_eq!(
        (shown.currency.as_str(), shown.delivery, shown.note),
        ("EUR", Open::Known(Delivery::Post), None)
    );
    // A client of version 1 that sends to version 2, too.
    let moved = post(service.to, "/v2/orders", "moved", &support::running::order("moved")).await;
    assert_eq!(moved.status, StatusCode::CREATED, "{moved:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_later_versions_go_all_the_way_and_come_back() {
    let Some(service) = Running::start().await else { return };
    let response = post(service.to, "/v2/orders", "later", &serde_json::to_value(wanted()).unwrap()).await;
    let placed: v2::Order = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(open::word(&placed.delivery), "by-drone");
    // A later version of the service wrote a status, and was then rolled back to this one.
    service.database.psql("UPDATE orders SET status = 'half-shipped'").await;
    for path in [format!("/v1/orders/{}", placed.id), format!("/v2/orders/{}", placed.id)] {
        let response = get(service.to, &path).await;
        let order: v1::Order = serde_json::from_slice(&response.body).unwrap();
        assert!(order.status.known().is_none());
        assert_eq!(serde_json::to_value(order).unwrap()["status"], "half-shipped");
    }
    assert_eq!(service.database.psql("SELECT delivery, status FROM orders").await, "by-drone|half-shipped");
    // Nobody knows whether it may be paid; so it is not.
    let pay =
        support::web::send(service.to, http::Method::POST, &format!("/v1/orders/{}/pay", placed.id), &[], "")
            .await;
    assert_eq!(pay.unwrap().code(), "not-payable");
}

#[tokio::test(flavor = "multi_thread")]
async fn version_1_does_not_show_crowns_as_euro() {
    let Some(service) = Running::start().await else { return };
    let order = v2::PlaceOrder { currency: "SEK".to_owned(), ..wanted() };
    let placed = post(service.to, "/v2/orders", "crowns", &serde_json::to_value(order).unwrap()).await.json();
    let id = placed["id"].as_str().unwrap();
    let refused = get(service.to, &format!("/v1/orders/{id}")).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::CONFLICT, "needs-version-2"));
    assert_eq!(get(service.to, "/v1/orders").await.json()["orders"], json!([]));
    assert_eq!(get(service.to, "/v2/orders").await.json()["orders"][0]["currency"], "SEK");
}

/// Messages of each version as they were first sent. They stay unchanged for as long as the version lives.
#[test]
fn what_was_sent_in_the_past_is_still_understood() {
    let first = r#"{"customer":"ann","lines":[{"sku":"ROPE","quantity":1,"unit_cents":100}]}"#;
    let order = NewOrder::try_from(serde_json::from_str::<v1::PlaceOrder>(first).unwrap()).unwrap();
    assert_eq!(NewOrder::try_from(serde_json::from_str::<v2::PlaceOrder>(first).unwrap()).unwrap(), order);
    let second = r#"{"customer":"ann","lines":[{"sku":"ROPE","quantity":1,"unit_cents":100}],"currency":"SEK",
                     "delivery":"pickup","note":"n","of-a-later-version":{"kept":false}}"#;
    let order = NewOrder::try_from(serde_json::from_str::<v2::PlaceOrder>(second).unwrap()).unwrap();
    assert_eq!((order.currency.as_str(), order.delivery), ("SEK", Open::Known(Delivery::Pickup)));
    let response = r#"{"id":"o-1","status":"placed","customer":"ann","lines":[],"total_cents":0,"placed_at":"2026-01-01T00:00:00Z"}"#;
    let order: v1::Order = serde_json::from_str(response).unwrap();
    assert_eq!(serde_json::to_string(&order).unwrap(), response);
}

proptest! {
    /// Version 1 reads every message of version 2 that it may see.
    #[test]
    fn version_1_reads_all_that_version_2_writes(
        delivery in "[a-z-]{1,32}", status in "[a-z-]{1,32}", note in proptest::option::of(".{0,20}"), cents in 0_i64..1_000_000,
    ) {
        let order = v2::Order {
            id: "o-1".to_owned(),
            status: open::read(&status).unwrap(),
            customer: "ann".to_owned(),
            reference: None,
            lines: vec![v1::Line { sku: "A".to_owned(), quantity: 1, unit_cents: cents }],
            total_cents: cents,
            placed_at: "2026-01-01T00:00:00Z".to_owned(),
            currency: "EUR".to_owned(),
            delivery: open::read(&delivery).unwrap(),
            note,
        };
        let written = serde_json::to_value(&order).unwrap();
        let old: v1::Order = serde_json::from_value(written.clone()).unwrap();
        prop_assert_eq!(open::word(&old.status), status);
        prop_assert_eq!(old.total_cents, cents);
        prop_assert_eq!(serde_json::from_value::<v2::Order>(written.clone()).unwrap(), order);
        let Value::Object(all) = written else { unreachable!() };
        let Value::Object(known) = serde_json::to_value(&old).unwrap() else { unreachable!() };
        prop_assert!(known.iter().all(|(name, value)| all.get(name) == Some(value)), "the same names mean the same");
    }
}
