//! Nothing of the inside leaks: every public path is walked while everything fails with a secret in its message.

use crate::support::{
    faulty,
    payments::Behaviour,
    running::{Running, Wanted, order},
    web::{FullResponse, send},
};
use axum::http::Method;
use std::collections::BTreeSet;

/// In what the payment service says when it fails.
const OF_PAYMENTS: &str = "hunter2-of-the-payment-service";
/// In what the database says when it fails.
const OF_THE_DATABASE: &str = "hunter2-of-the-database";

/// Each route of the service, and what is asked of it.
const WALK: &[(&str, &str, &str)] = &[
    ("POST", "/v1/orders", "/v1/orders"),
    ("POST", "/v2/orders", "/v2/orders"),
    ("GET", "/v1/orders", "/v1/orders?limit=3"),
    ("GET", "/v2/orders", "/v2/orders"),
    ("GET", "/v1/orders/export", "/v1/orders/export"),
    ("GET", "/v2/orders/export", "/v2/orders/export"),
    ("GET", "/v1/orders/report", "/v1/orders/report"),
    ("GET", "/v1/orders/{id}", "/v1/orders/o-1"),
    ("GET", "/v2/orders/{id}", "/v2/orders/o-1"),
    ("POST", "/v1/orders/{id}/pay", "/v1/orders/o-1/pay"),
    ("GET", "/v1/orders/{id}/invoice", "/v1/orders/o-1/invoice"),
];

/// Paths as they are written in the service's source, so that a new one cannot be forgotten here.
fn routes() -> BTreeSet<&'static str> {
    let source = include_str!("../../src/api/mod.rs");
    source.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

async fn walk(service: &Running, secrets: &[&str], round: &str) -> usize {
    let mut failed = 0;
    let others = [
        ("GET", "/no/such/path"),
        ("DELETE", "/v1/orders"),
        ("GET", "/v1/orders/%ff"),
        ("GET", "/v1/orders?limit=x"),
    ];
    let all = WALK.iter().map(|(method, _, path)| (*method, *path)).chain(others);
    for (number, (method, path)) in all.enumerate() {
        let key = format!("\"{round}-{number}\"");
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        let body = if method == "POST" { order(round).to_string() } else { String::new() };
        // A stream that breaks off has said its part by then.
        let Ok(response) =
            send(service.to, Method::from_bytes(method.as_bytes()).unwrap(), path, &headers, body).await
        else {
            failed += 1;
            continue;
        };
        failed += usize::from(response.status.is_server_error());
        silent(&response, secrets, &format!("{round}: {method} {path}"));
    }
    failed
}

fn silent(response: &FullResponse, secrets: &[&str], what: &str) {
    let everything = response.everything();
    for secret in secrets {
        assert!(!everything.contains(secret), "{what} says {secret}: {response:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_response_of_any_path_reveals_internals() {
    let walked: BTreeSet<&str> = WALK.iter().map(|(_, route, _)| *route).collect();
    assert_eq!(walked, routes());

    let wanted = Wanted { routes: faulty::routes, connections: 2, wait: "100ms", ..Wanted::default() };
    let Some(mut service) = Running::with(wanted).await else { return };
    let password = service.database.url().split([':', '@']).nth(2).unwrap().to_owned();
    let folder = service.folder.0.display().to_string();
    let source = env!("CARGO_MANIFEST_DIR");
    let secrets =
        [password.as_str(), OF_PAYMENTS, OF_THE_DATABASE, faulty::SECRET, folder.as_str(), source, ".rs:"];

    service.place("fine").await;
    walk(&service, &secrets, "all is well").await;
    service.database.psql("UPDATE orders SET status = 'placed', payment = NULL").await;

    service.payments.become_(Behaviour::Failing(OF_PAYMENTS));
    assert!(walk(&service, &secrets, "the payment service fails").await >= 1);
    service.payments.become_(Behaviour::Babbling(OF_PAYMENTS));
    walk(&service, &secrets, "the payment service babbles").await;
    service.payments.become_(Behaviour::Fine);

    // Whoever writes is told a secret by the database; whoever reads finds a row that makes no sense, or no table.
    let fails = format!(
        "CREATE FUNCTION fails() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION '{OF_THE_DATABASE}'; END $$ LANGUAGE plpgsql; \
         CREATE TRIGGER fails BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION fails()"
    );
    service.database.psql(&fails).await;
    assert!(walk(&service, &secrets, "the database refuses").await >= 2);
    service.database.psql("DROP TRIGGER fails ON orders").await;
    service
        .database
        .psql(&format!("UPDATE orders SET customer = '{}'", OF_THE_DATABASE.to_uppercase()))
        .await;
    let shouted = OF_THE_DATABASE.to_uppercase();
    assert!(walk(&service, &[&secrets[..], &[shouted.as_str()]].concat(), "rows make no sense").await >= 4);
    service.database.psql(&format!("ALTER TABLE orders RENAME TO \"{OF_THE_DATABASE}\"")).await;
    assert!(walk(&service, &secrets, "there is no such table").await >= 8);
    service.database.psql(&format!("ALTER TABLE \"{OF_THE_DATABASE}\" RENAME TO orders")).await;

    for (path, _) in faulty::PATHS {
        if let Ok(response) = send(service.to, Method::GET, path, &[], "").await {
            silent(&response, &secrets, path);
        }
    }
    service
        .database
        .psql("DELETE FROM orders WHERE reference <> 'fine'; UPDATE orders SET customer = 'ann'")
        .await;
    service.is_well().await;
}
