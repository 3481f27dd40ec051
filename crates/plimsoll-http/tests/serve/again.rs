//! Responses to a path whose route the server has learnt: the same as to the first request.

use crate::client::Raw;
use axum::{
    Router,
    routing::{get, post},
};
use http::StatusCode;
use plimsoll_http::{
    Problem,
    body::Negotiated,
    serve::{RouteNames, serve},
};
use plimsoll_telemetry::{Format, Registry};
use std::net::SocketAddr;

fn app() -> Router {
    let named = Router::new().route("/{name}", get(|| async { "named" })).layer(RouteNames);
    Router::new()
        .route("/", get(|| async { "hello" }).post(|body: String| async move { body }))
        .route("/empty", get(|| async {}))
        .route("/made", post(|| async { (StatusCode::CREATED, Negotiated("made")) }))
        .route("/list", get(|| async { Negotiated([1, 2]) }))
        .route("/text", get(|| async { (StatusCode::BAD_REQUEST, [("allow", "x"), ("x-own", "y")], "why") }))
        .route("/fails", get(|| async { Err::<(), _>(Problem::internal("the secret is 42")) }))
        .route("/boom", get(|| async { panic!("the secret is 42") as () }))
        .nest("/nested", Router::new().route("/inner", get(|| async { "inner" })))
        .nest_service("/named", named)
}

/// The whole response, its fields in order and without its date.
async fn told(address: SocketAddr, line: &str, accept: &str) -> String {
    let mut raw = Raw::to(address).await;
    let trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    raw.send(&format!(
        "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{trace}\r\n{accept}content-length: 0\r\n\r\n"
    ))
    .await;
    let text = String::from_utf8(raw.rest().await).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut fields: Vec<&str> = head.lines().filter(|line| !line.starts_with("date: ")).collect();
    fields.sort_unstable();
    format!("{}\n\n{body}", fields.join("\n"))
}

#[tokio::test]
async fn whoever_asks_again_gets_the_same() {
    let registry = Registry::new();
    let server = serve(app()).on("127.0.0.1:0").without_signals().registry(registry.clone());
    let bound = server.bind().await.unwrap();
    let address = bound.addresses()[0];
    let running = tokio::spawn(bound.run());
    for line in [
        "GET /",
        "HEAD /",
        "POST /",
        "DELETE /",
        "OPTIONS /",
        "GET /empty",
        "POST /made",
        "GET /made",
        "GET /list",
        "HEAD /list",
        "GET /text",
        "HEAD /text",
        "GET /fails",
        "HEAD /fails",
        "GET /boom",
        "GET /nested/inner",
        "GET /named/x",
        "GET /named",
        "GET /nothing",
        "GET http://localhost/empty",
    ] {
        for accept in ["", "accept: text/plain\r\n", "accept: application/json;q=0.5, */*;q=0.1\r\n"] {
            let first = told(address, line, accept).await;
            assert!(first.starts_with("HTTP/1.1 ") || first.contains("\nHTTP/1.1 "), "{line}: {first}");
            for _ in 0..2 {
                assert_eq!(told(address, line, accept).await, first, "{line} {accept}");
            }
        }
    }
    let page = registry.render(Format::Prometheus);
    for series in [
        "plimsoll_server_requests_total{route=\"/\",code=\"2xx\"} 27",
        "plimsoll_server_requests_total{route=\"/\",code=\"4xx\"} 18",
        "plimsoll_server_requests_total{route=\"/made\",code=\"4xx\"} 9",
        "plimsoll_server_requests_total{route=\"/fails\",code=\"5xx\"} 18",
        "plimsoll_server_requests_total{route=\"/nested/inner\",code=\"2xx\"} 9",
        "plimsoll_server_requests_total{route=\"/named/{name}\",code=\"2xx\"} 9",
        "plimsoll_problems_total{kind=\"internal\",route=\"/fails\"} 18",
        "plimsoll_panics_total{place=\"handler\",route=\"/boom\"} 9",
    ] {
        assert!(page.contains(series), "{series} is not in {page}");
    }
    running.abort();
}
