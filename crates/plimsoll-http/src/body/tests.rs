//! Extractor, response and layer together.

use super::*;
use crate::Kind;
use axum::{
    Router,
    body::Body,
    response::Response,
    routing::{get, post},
};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

#[derive(Debug, Deserialize, Serialize)]
struct Order {
    item: String,
    pieces: u32,
}

async fn double(Negotiated(order): Negotiated<Order>) -> Negotiated<Order> {
    Negotiated(Order { pieces: order.pieces * 2, ..order })
}

fn app() -> Router {
    let small = BodyLimits::default().bytes(ByteLimit::new(16).unwrap()).depth(Depth::new(1).unwrap());
    Router::new()
        .route("/", post(double).get(|| async { Negotiated(1) }))
        .route("/small", post(double).layer(small))
        .route("/first", post(|accepted: Accepted<u32>| async move { accepted.response(&2) }))
        .route("/maybe", post(|order: Option<Negotiated<Order>>| async move { Negotiated(order.is_some()) }))
        .route("/broken", get(|| async { Negotiated(unwritable()) }))
        .route("/created", get(|| async { (StatusCode::CREATED, Negotiated(unwritable())) }))
        .route("/made", get(|| async { (StatusCode::CREATED, Negotiated(1)) }))
        .layer(NegotiateLayer::new())
}

/// JSON has strings for keys, and nothing else.
fn unwritable() -> std::collections::HashMap<(u8, u8), u8> {
    std::iter::once(((1, 2), 3)).collect()
}

async fn ask(
    method: &str,
    path: &str,
    headers: &[(header::HeaderName, &str)],
    body: impl Into<Body>,
) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    app().oneshot(request.body(body.into()).unwrap()).await.unwrap()
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

const JSON: (header::HeaderName, &str) = (header::CONTENT_TYPE, "application/json");
const ORDER: &str = r#"{"item":"rope","pieces":21}"#;

#[tokio::test]
async fn json_comes_and_goes() {
    let response = ask("POST", "/", &[JSON], ORDER).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    assert_eq!(response.headers()[header::VARY], "accept");
    assert_eq!(text(response).await, r#"{"item":"rope","pieces":42}"#);
}

#[cfg(feature = "msgpack")]
#[tokio::test]
async fn each_direction_has_its_own_format() {
    let response = ask("POST", "/", &[JSON, (header::ACCEPT, "application/x-msgpack")], ORDER).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-msgpack");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let order = (header::CONTENT_TYPE, "application/msgpack");
    let response = ask("POST", "/", &[order], bytes).await;
    assert_eq!(text(response).await, r#"{"item":"rope","pieces":84}"#);
}

#[tokio::test]
async fn nothing_fits() {
    let png = (header::ACCEPT, "image/png");
    let response = ask("GET", "/", std::slice::from_ref(&png), "").await;
    assert_eq!(response.status(), StatusCode::NOT_ACCEPTABLE);
    assert!(text(response).await.contains("application/json"), "names the formats");
    let response = ask("POST", "/", &[JSON, png.clone()], ORDER).await;
    assert_eq!(response.status(), StatusCode::OK, "the work is done");
    let response = ask("POST", "/first", &[png], "").await;
    assert_eq!(response.status(), StatusCode::NOT_ACCEPTABLE, "no work was done");
    assert_eq!(ask("POST", "/first", &[], "").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn without_the_layer_there_is_json() {
    let app: Router = Router::new().route("/", get(|| async { Negotiated("ahoy") }));
    let request = Request::get("/").header(header::ACCEPT, "image/png").body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!((response.status(), response.headers().get(header::VARY)), (StatusCode::OK, None));
    assert_eq!(text(response).await, r#""ahoy""#);
}

#[tokio::test]
async fn refusals_say_why_and_repeat_nothing() {
    let gzip = (header::CONTENT_ENCODING, "gzip");
    let plain = (header::CONTENT_TYPE, "text/plain; hunter2=1");
    let cases: Vec<(&str, Vec<_>, Vec<u8>, Kind)> = vec![
        ("/", vec![], ORDER.into(), Kind::UnsupportedMediaType),
        ("/", vec![plain], ORDER.into(), Kind::UnsupportedMediaType),
        ("/", vec![JSON, gzip], ORDER.into(), Kind::UnsupportedMediaType),
        ("/", vec![JSON], r#"{"item":"hunter2""#.into(), Kind::BadRequest),
        ("/", vec![JSON], r#"{"item":"hunter2","pieces":"hunter2"}"#.into(), Kind::BadRequest),
        ("/", vec![JSON], br#"{"item":"hunter2 \xFF","pieces":1}"#.to_vec(), Kind::BadRequest),
        ("/", vec![JSON], format!("{ORDER} hunter2").into(), Kind::BadRequest),
        ("/", vec![JSON], vec![b'['; 100_000], Kind::BadRequest),
        ("/small", vec![JSON], ORDER.into(), Kind::BodyTooLarge),
        ("/small", vec![JSON], r#"{"item":[]}"#.into(), Kind::BadRequest),
    ];
    for (path, headers, body, kind) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let response = ask("POST", path, &headers, body).await;
        assert_eq!(response.status(), kind.status(), "{shown}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let problem = text(response).await;
        assert!(problem.contains(kind.name()) && problem.contains("detail"), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}

#[tokio::test]
async fn a_body_may_be_left_out() {
    assert_eq!(text(ask("POST", "/maybe", &[], "").await).await, "false");
    assert_eq!(text(ask("POST", "/maybe", &[JSON], ORDER).await).await, "true");
    assert_eq!(ask("POST", "/maybe", &[], ORDER).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_chunked_body_that_is_empty_is_left_out() {
    let maybe = |chunks: Vec<&'static str>| async move {
        let chunks = chunks.into_iter().map(Ok::<_, std::io::Error>);
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        app().oneshot(Request::post("/maybe").body(body).unwrap()).await.unwrap()
    };
    assert_eq!(text(maybe(vec![]).await).await, "false");
    assert_eq!(text(maybe(vec!["", ""]).await).await, "false");
    assert_eq!(maybe(vec!["", ORDER]).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_value_that_cannot_be_written_is_our_fault() {
    let response = ask("GET", "/broken", &[], "").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_refusal_keeps_its_status() {
    assert_eq!(ask("GET", "/made", &[], "").await.status(), StatusCode::CREATED);
    let response = ask("GET", "/made", &[(header::ACCEPT, "image/png")], "").await;
    assert_eq!(response.status(), StatusCode::NOT_ACCEPTABLE);
    assert_eq!(ask("GET", "/created", &[], "").await.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
