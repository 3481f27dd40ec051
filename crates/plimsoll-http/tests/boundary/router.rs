//! The boundary inside and around an axum router.

use crate::support::{FullResponse, Log};
use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, FromRequestParts, Path, Query},
    routing::{get, post},
};
use bytes::Bytes;
use http::{Request, request::Parts};
use plimsoll_http::{Problem, boundary::BoundaryLayer};
use plimsoll_telemetry::{Format, Registry};
use std::{collections::HashMap, convert::Infallible};
use tower::{Layer, Service, ServiceExt};

const SECRET: &str = "hunter2";

#[derive(serde::Deserialize)]
struct Order {
    amount: u32,
}

struct Panicking;

impl<S: Sync> FromRequestParts<S> for Panicking {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        panic!("extracting {SECRET}")
    }
}

fn router() -> Router {
    Router::new()
        .route("/orders/{id}", get(|Path(id): Path<u32>| async move { id.to_string() }))
        .route("/orders", post(|Json(order): Json<Order>| async move { order.amount.to_string() }))
        .route("/page", get(|Query(_): Query<HashMap<String, u32>>| async {}))
        .route("/broken", get(|| async { Err::<(), _>(Problem::internal(anyhow::anyhow!(SECRET))) }))
        .route(
            "/panic",
            get(|| async {
                if true {
                    panic!("{SECRET}")
                }
            }),
        )
        .route("/extract", get(|_: Panicking| async {}))
        .layer(DefaultBodyLimit::max(64))
}

async fn ask<S, R>(service: &S, request: http::request::Builder, body: impl Into<Body>) -> FullResponse
where
    S: Service<Request<Body>, Response = http::Response<R>, Error = Infallible> + Clone,
    R: http_body::Body<Data = Bytes>,
    R::Error: std::fmt::Debug,
{
    FullResponse::of(service.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap()).await
}

async fn every_way_of_failing<S, R>(service: S)
where
    S: Service<Request<Body>, Response = http::Response<R>, Error = Infallible> + Clone,
    R: http_body::Body<Data = Bytes>,
    R::Error: std::fmt::Debug,
{
    let json = || Request::post("/orders").header("content-type", "application/json");
    let deep = format!("{{\"x\":{}", "[".repeat(50));
    for (request, body, status) in [
        (Request::get("/orders/seven"), "", 400),
        (Request::get("/page?a=b"), "", 400),
        (json(), r#"{"amount":"#, 400),
        (json(), deep.as_str(), 400),
        (Request::get("/nowhere"), "", 404),
        (Request::delete("/orders"), "", 405),
        (
            json(),
            r#"{"amount":7,"pad":"0123456789012345678901234567890123456789012345678901234567890123"}"#,
            413,
        ),
        (Request::post("/orders").header("content-type", "text/plain"), "7", 415),
        (json(), r#"{"amount":"hunter2"}"#, 422),
        (Request::get("/broken"), "", 500),
        (Request::get("/panic"), "", 500),
        (Request::get("/extract"), "", 500),
    ] {
        let what = format!("{request:?}");
        let response = ask(&service, request, body.to_owned()).await;
        assert_eq!(response.status, status, "{what}");
        response.problem();
        response.assert_without(SECRET);
        if status == 405 {
            assert_eq!(response.header("allow"), "POST");
        }
        let ok = ask(&service, Request::get("/orders/7"), "").await;
        assert_eq!((ok.status.as_u16(), &*ok.body), (200, &b"7"[..]), "it serves on after {what}");
    }
}

#[tokio::test]
async fn around_a_router() {
    every_way_of_failing(BoundaryLayer::new().layer(router())).await;
}

#[tokio::test]
async fn within_a_router() {
    every_way_of_failing(router().layer(BoundaryLayer::new())).await;
}

#[tokio::test]
async fn within_and_around() {
    let layer = BoundaryLayer::new();
    every_way_of_failing(layer.clone().layer(router().layer(layer))).await;
}

#[tokio::test]
async fn routes_are_counted_by_their_pattern() {
    let log = Log::capture();
    let registry = Registry::new();
    let layer = BoundaryLayer::new().counted(&registry).unwrap();
    let service = layer.clone().layer(router().layer(layer));
    for path in ["/orders/a", "/orders/b", "/broken", "/panic", "/nowhere"] {
        ask(&service, Request::get(path), "").await;
    }
    let page = registry.render(Format::from_accept("text/plain"));
    for line in [
        r#"plimsoll_problems_total{kind="bad-request",route="/orders/{id}"} 2"#,
        r#"plimsoll_problems_total{kind="internal",route="/broken"} 1"#,
        r#"plimsoll_problems_total{kind="internal",route="/panic"} 1"#,
        r#"plimsoll_problems_total{kind="not-found",route=""} 1"#,
        r#"plimsoll_panics_total{place="handler",route="/panic"} 1"#,
    ] {
        assert!(page.contains(line), "{line} in\n{page}");
    }
    assert!(log.text().contains("route=\"/broken\""), "{}", log.text());
}

/// A user's service must be `Send` and `Clone`.
#[test]
fn it_can_be_served() {
    fn is_service<S: Clone + Send + Sync + 'static>(_: &S) {}
    is_service(&BoundaryLayer::new().layer(router()));
    let _: Router = router().layer(BoundaryLayer::new());
}

#[tokio::test]
async fn what_a_rejection_says_is_told_however_it_was_compressed() {
    let said = "the amount must be a whole number of cents, and not more than a million of them";
    let app = Router::new()
        .route("/", get(move || async move { (http::StatusCode::UNPROCESSABLE_ENTITY, said) }))
        .layer(tower_http::compression::CompressionLayer::new());
    for coding in ["identity", "gzip", "deflate", "br", "zstd"] {
        let request = Request::get("/").header("accept-encoding", coding).body(Body::empty()).unwrap();
        let plain = app.clone().oneshot(request).await.unwrap();
        assert_eq!(
            plain.headers().contains_key("content-encoding"),
            coding != "identity",
            "it is compressed"
        );
        let request = Request::get("/").header("accept-encoding", coding).body(Body::empty()).unwrap();
        let service = BoundaryLayer::new().showing_rejections().layer(app.clone());
        let response = FullResponse::of(service.oneshot(request).await.unwrap()).await;
        assert_eq!(response.problem()["detail"], said, "{coding}");
        assert_eq!(response.header("content-encoding"), "", "{coding}");
    }
}

#[tokio::test]
async fn what_only_looks_compressed_is_told_by_nobody() {
    let bomb = {
        // A megabyte of one letter in a kilobyte.
        let body = Router::new()
            .route("/", get(|| async { "x".repeat(1 << 20) }))
            .layer(tower_http::compression::CompressionLayer::new());
        let request = Request::get("/").header("accept-encoding", "gzip").body(Body::empty()).unwrap();
        let response = body.oneshot(request).await.unwrap();
        axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap()
    };
    for (body, length) in [(Bytes::from_static(b"no gzip at all"), 0), (bomb, 512)] {
        let app = Router::new().route(
            "/",
            get(move || async move {
                let headers = [("content-type", "text/plain"), ("content-encoding", "gzip")];
                (http::StatusCode::BAD_REQUEST, headers, body)
            }),
        );
        let service = BoundaryLayer::new().showing_rejections().layer(app);
        let response = service.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        let detail = FullResponse::of(response).await.problem()["detail"].as_str().map_or(0, str::len);
        assert_eq!(detail, length, "as much of it as is ever told");
    }
}
