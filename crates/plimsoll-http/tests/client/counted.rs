//! Counters of a client, and their names.

use crate::{server::Server, stand::patient};
use axum::response::IntoResponse;
use plimsoll_config::Policies;
use plimsoll_http::client::Client;
use plimsoll_telemetry::{Format, Registry};

#[tokio::test]
async fn a_client_is_counted_in_the_process_under_its_policys_name() {
    let server = Server::start(|_| async { "ok".into_response() }).await;
    let upstream = server.origin.trim_start_matches("http://").to_owned();
    let file = "version = 1\n[policy.ledger]\ntimeout = { total = \"20s\" }\n";
    let policies = Policies::parse("policies.toml", file, &|_| None).unwrap();
    let clients = [
        (Client::to(&server.origin, policies.named("ledger").unwrap()).unwrap(), "ledger"),
        (Client::to(&server.origin, ("orders", patient())).unwrap(), "orders"),
        (Client::to(&server.origin, patient()).unwrap(), "client"),
    ];
    for (client, name) in &clients {
        client.get("/").send().await.unwrap().bytes().await.unwrap();
        assert_eq!(client.handles()[0].policy_name(), *name);
        let page = Registry::global().render(Format::Prometheus);
        let line = format!("plimsoll_calls_total{{policy=\"{name}\",upstream=\"{upstream}\"}} 1");
        assert!(page.contains(&line), "{line} in\n{page}");
    }
    let page = Registry::global().render(Format::Prometheus);
    assert!(page.contains(&format!("plimsoll_client_connections_opened_total{{upstream=\"{upstream}\"}} 3")));

    let (own, quiet) = (Registry::new(), Server::start(|_| async { "ok".into_response() }).await);
    let builder = Client::builder().metrics(&own).unwrap();
    builder.origin(&quiet.origin, patient()).unwrap().get("/").send().await.unwrap();
    Client::builder()
        .without_metrics()
        .origin(&quiet.origin, patient())
        .unwrap()
        .get("/")
        .send()
        .await
        .unwrap();
    let upstream = quiet.origin.trim_start_matches("http://");
    assert!(own.render(Format::Prometheus).contains(upstream));
    assert!(
        !Registry::global().render(Format::Prometheus).contains(upstream),
        "whoever has another is not here"
    );
}
