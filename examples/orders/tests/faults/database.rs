//! The database goes, or has no room.

use crate::support::{
    running::{Running, Wanted, order},
    web,
};
use axum::http::StatusCode;
use plimsoll_testkit::Postgres;

#[tokio::test(flavor = "multi_thread")]
async fn gone_in_the_middle_of_a_transaction() {
    let Some(server) = Postgres::start().await else { return };
    let mut service = Running::on(server, Wanted { run: "5s", lease: "6s", ..Wanted::default() }).await;
    service.place("before").await;

    // The order is written, and its event is not: there the database dies.
    let lock = service.lock("outbox").await;
    let (to, body) = (service.to, order("cut-short"));
    let cut_short = tokio::spawn(async move { web::post(to, "/v1/orders", "cut-short", &body).await });
    service.waiting(1).await;
    service.server.stop_immediately().await;

    let response = cut_short.await.unwrap();
    assert_eq!(
        (response.status, response.code().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "database-away")
    );
    assert!(response.headers.contains_key("retry-after"));
    let while_it_is_away = service.get("/v1/orders/o-1").await;
    assert_eq!(while_it_is_away.status, StatusCode::SERVICE_UNAVAILABLE, "{while_it_is_away:?}");
    assert_eq!(while_it_is_away.code(), "database-away", "no pool is full: nobody is there");
    let under_a_key = web::post(service.to, "/v1/orders", "while-away", &order("while-away")).await;
    assert_eq!((under_a_key.kind().as_str(), under_a_key.code().as_str()), ("unavailable", "database-away"));
    let ready = web::get(service.admin, "/readyz").await;
    assert_eq!((ready.status, ready.text().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "database-away\n"));
    assert_eq!(web::get(service.admin, "/livez").await.status, StatusCode::OK, "a restart would help nobody");

    drop(lock);
    service.server.start_again().await;
    service.insist("cut-short").await;
    service.is_well().await;
    assert_eq!(web::get(service.admin, "/readyz").await.status, StatusCode::OK);
    assert_eq!(service.stored().await, ["before", "cut-short", "is-well"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_between_the_commit_and_the_response() {
    let Some(server) = Postgres::start().await else { return };
    let mut service = Running::on(server, Wanted { run: "5s", lease: "6s", ..Wanted::default() }).await;
    let first = service.place("acknowledged").await;
    service.server.stop_immediately().await;
    service.server.start_again().await;
    // A client that did not get the response sends the request again, and gets the same one.
    let again = service.insist("acknowledged").await;
    assert_eq!(again.body, first.body);
    service.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_is_free() {
    let wanted = Wanted { connections: 2, wait: "100ms", ..Wanted::default() };
    let Some(mut service) = Running::with(wanted).await else { return };
    let lock = service.lock("order_lines").await;
    let stuck: Vec<_> = ["one", "two"]
        .map(|key| {
            let (to, body) = (service.to, order(key));
            tokio::spawn(async move { (key, web::post(to, "/v1/orders", key, &body).await) })
        })
        .into();
    service.waiting(2).await;

    let refused = service.get("/v1/orders/o-1").await;
    assert_eq!((refused.kind().as_str(), refused.code().as_str()), ("bulkhead-full", "database-busy"));
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(web::get(service.admin, "/readyz").await.status, StatusCode::OK, "the database is there");

    drop(lock);
    for request in stuck {
        let (key, response) = request.await.unwrap();
        assert_eq!(response.status, StatusCode::CREATED, "{response:?}");
        service.note(key, &response);
    }
    service.is_well().await;
}
