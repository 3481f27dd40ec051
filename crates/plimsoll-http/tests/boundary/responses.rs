//! Errors, and error responses of the inner service.

use crate::support::{FullResponse, Log, ask, failing, get, responding};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::Full;
use plimsoll_http::{
    Kind, Problem, ProblemId,
    boundary::{BoundaryLayer, ReportedProblem, Verbatim},
};
use plimsoll_policy::{Limit, Machine, Reason, RejectedError};
use plimsoll_telemetry::{Format, Registry};
use std::time::Duration;

const SECRET: &str = "hunter2";

#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("no such order")]
    NotFound,
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::NotFound => Self::not_found("no-such-order"),
            OrderError::Other(inner) => Self::internal(inner),
        }
    }
}

fn plain(status: u16, text: &'static str) -> Response<Full<Bytes>> {
    let builder = Response::builder().status(status).header("content-type", "text/plain; charset=utf-8");
    builder.body(Full::from(text)).unwrap()
}

#[tokio::test]
async fn a_services_own_error_is_what_it_says() {
    let response = ask(&BoundaryLayer::new(), failing(|| OrderError::NotFound), get()).await;
    assert_eq!(
        (response.kind().as_str(), &response.problem()["code"]),
        ("not-found", &"no-such-order".into())
    );
}

#[tokio::test]
async fn an_anyhow_error_is_an_id_outside_and_a_chain_in_the_log() {
    let log = Log::capture();
    let broken =
        || OrderError::from(anyhow::anyhow!("connect as {SECRET}: refused").context("placing the order"));
    let response = ask(&BoundaryLayer::new(), failing(broken), get()).await;
    assert_eq!((response.status, response.kind().as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "internal"));
    response.assert_without(SECRET);
    let id = response.problem()["id"].as_str().unwrap().to_owned();
    let log = log.text();
    let line = log.lines().find(|line| line.contains(&id)).expect("the id leads to the log");
    assert!(line.contains("ERROR") && line.contains("method=\"GET\""), "{line}");
    assert!(line.contains("placing the order: connect as hunter2: refused"), "{line}");
}

#[tokio::test]
async fn the_requests_own_id_is_taken() {
    let mut request = get();
    request.extensions_mut().insert(ProblemId::new(7));
    let response = ask(&BoundaryLayer::new(), failing(|| OrderError::NotFound), request).await;
    assert_eq!(response.problem()["id"], "00000000000000000000000000000007");
}

#[tokio::test]
async fn a_refusal_with_a_cause_is_a_warning_with_its_id() {
    let log = Log::capture();
    let gone = || Problem::new(Kind::Unavailable).because(format!("the store of keys: {SECRET} refused"));
    let response = ask(&BoundaryLayer::new(), failing(gone), get()).await;
    assert_eq!((response.status.as_u16(), response.kind().as_str()), (503, "unavailable"));
    response.assert_without(SECRET);
    let id = response.problem()["id"].as_str().expect("an id").to_owned();
    let log = log.text();
    let line = log.lines().find(|line| line.contains(&id)).expect("the id leads to the log");
    assert!(line.contains("WARN") && line.contains("the store of keys: hunter2 refused"), "{line}");
}

#[tokio::test]
async fn a_refusal_without_a_cause_and_one_of_others_are_no_warnings() {
    let log = Log::capture();
    let full = || Problem::new(Kind::Overloaded);
    assert!(ask(&BoundaryLayer::new(), failing(full), get()).await.problem()["id"].is_null());
    let busy = responding(|| plain(503, "come back later"));
    assert_eq!(ask(&BoundaryLayer::new(), busy, get()).await.kind(), "unavailable");
    let log = log.text();
    assert!(log.contains("DEBUG") && log.contains("come back later"), "{log}");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn policies_and_timeouts_take_the_same_form() {
    let rejected = RejectedError::new(Machine::Breaker, Reason::CircuitOpen).after(Duration::from_secs(3));
    let log = Log::capture();
    let layer = BoundaryLayer::new();
    let response =
        ask(&layer, failing(move || plimsoll_tower::Error::<OrderError>::from(rejected)), get()).await;
    assert_eq!((response.kind().as_str(), response.header("retry-after")), ("circuit-open", "3"));
    assert!(!log.text().contains("ERROR"), "a refusal is no fault: {}", log.text());
    let response =
        ask(&layer, failing(|| plimsoll_tower::Error::<OrderError>::TimedOut(Limit::Total)), get()).await;
    assert_eq!((response.status.as_u16(), response.kind().as_str()), (504, "deadline-exceeded"));
}

#[tokio::test]
async fn foreign_error_responses_become_problems() {
    let log = Log::capture();
    let layer = BoundaryLayer::new();
    for (status, kind) in [
        (400, "bad-request"),
        (404, "not-found"),
        (405, "method-not-allowed"),
        (408, "request-timeout"),
        (413, "body-too-large"),
        (415, "unsupported-media-type"),
        (418, "bad-request"),
        (422, "unprocessable"),
        (429, "rate-limited"),
        (500, "internal"),
        (502, "upstream-broken"),
        (503, "unavailable"),
        (507, "internal"),
    ] {
        let foreign = responding(move || {
            let mut response = plain(status, "column password of hunter2");
            response.headers_mut().insert("x-debug", SECRET.parse().unwrap());
            response.headers_mut().insert("allow", "GET, PUT".parse().unwrap());
            response.headers_mut().insert("etag", "\"1\"".parse().unwrap());
            response
        });
        let response = ask(&layer, foreign, get()).await;
        assert_eq!((response.status.as_u16(), response.kind().as_str()), (status, kind));
        assert_eq!((response.header("allow"), response.header("etag")), ("GET, PUT", ""));
        response.assert_without(SECRET);
    }
    assert!(log.text().contains("error=internal: column password of hunter2"), "{}", log.text());
}

#[tokio::test]
async fn what_rejections_say_is_told_where_asked_for() {
    let layer = BoundaryLayer::new().showing_rejections();
    let response = ask(&layer, responding(|| plain(422, "missing field\n`amount`\n")), get()).await;
    assert_eq!(response.problem()["detail"], "missing field `amount`");
    ask(&layer, responding(|| plain(500, SECRET)), get()).await.assert_without(SECRET);
    let long = responding(|| plain(400, "ä".repeat(1000).leak()));
    let response = ask(&layer, long, get()).await;
    assert_eq!(response.problem()["detail"].as_str().unwrap(), "ä".repeat(256));
}

#[tokio::test]
async fn what_is_meant_is_left_alone() {
    let layer = BoundaryLayer::new();
    let verbatim = responding(|| {
        let mut response = plain(409, "as it is");
        response.extensions_mut().insert(Verbatim);
        response
    });
    assert_eq!(ask(&layer, verbatim, get()).await.body, "as it is");
    let own = responding(|| {
        let mut response = plain(409, r#"{"type":"urn:my:own"}"#);
        let of = HeaderValue::from_static("Application/Problem+JSON; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, of);
        response
    });
    assert_eq!(ask(&layer, own, get()).await.body, r#"{"type":"urn:my:own"}"#);
    for status in [200, 204, 301, 304] {
        assert_eq!(ask(&layer, responding(move || plain(status, "fine")), get()).await.status, status);
    }
}

#[tokio::test]
async fn a_response_with_a_problem_keeps_its_headers() {
    let log = Log::capture();
    let inner = responding(|| {
        let mut response = Problem::internal(SECRET).into_http().map(Full::new);
        response.headers_mut().insert("x-own", "kept".parse().unwrap());
        response
    });
    let response = ask(&BoundaryLayer::new(), inner, get()).await;
    response.assert_without(SECRET);
    assert_eq!((response.header("x-own"), response.kind().as_str()), ("kept", "internal"));
    assert!(log.text().contains(response.problem()["id"].as_str().unwrap()));
    assert!(log.text().contains(SECRET));
}

#[tokio::test]
async fn boundaries_within_each_other_tell_it_once() {
    use tower::{Layer, ServiceExt};
    let log = Log::capture();
    let registry = Registry::new();
    let layer = BoundaryLayer::new().counted(&registry).unwrap();
    let service = layer.layer(layer.layer(failing(|| Problem::internal(SECRET))));
    let response = service.oneshot(get()).await.unwrap();
    assert!(response.extensions().get::<ReportedProblem>().unwrap().is_settled());
    assert_eq!(FullResponse::of(response).await.kind(), "internal");
    assert_eq!(log.text().matches("ERROR").count(), 1, "{}", log.text());
    let page = registry.render(Format::from_accept("text/plain"));
    assert!(page.contains("plimsoll_problems_total{kind=\"internal\",route=\"\"} 1\n"), "{page}");
}

#[tokio::test]
async fn grpc_gets_grpc() {
    let grpc = || {
        let mut request = get();
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().insert("content-type", "application/grpc+proto".parse().unwrap());
        request
    };
    let layer = BoundaryLayer::new();
    for (response, status) in [
        (ask(&layer, failing(|| Problem::internal(SECRET)), grpc()).await, "13"),
        (ask(&layer, failing(|| Problem::not_found("no-such-order")), grpc()).await, "5"),
        (ask(&layer, responding(|| plain(503, SECRET)), grpc()).await, "14"),
    ] {
        assert_eq!((response.status, response.header("grpc-status")), (StatusCode::OK, status));
        assert_eq!(response.header("content-type"), "application/grpc");
        assert!(response.body.is_empty());
        response.assert_without(SECRET);
    }
    // What a gRPC service says itself is its own.
    let own = responding(|| {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from_static("9"));
        let mut response = Response::new(Full::default());
        *response.headers_mut() = headers;
        response
    });
    assert_eq!(ask(&layer, own, grpc()).await.header("grpc-status"), "9");
}

#[tokio::test]
async fn head_gets_the_headers_of_get() {
    let layer = BoundaryLayer::new();
    let whole = ask(&layer, responding(|| plain(404, "nothing")), get()).await;
    let mut head = get();
    *head.method_mut() = Method::HEAD;
    let response = ask(&layer, responding(|| plain(404, "nothing")), head).await;
    assert!(response.body.is_empty());
    assert_eq!(response.header("content-length"), whole.body.len().to_string());
    assert_eq!(response.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn problems_are_counted_by_kind() {
    let registry = Registry::new();
    let layer = BoundaryLayer::new().counted(&registry).unwrap();
    for _ in 0..3 {
        ask(&layer, failing(|| Problem::conflict("taken")), get()).await;
    }
    ask(&layer, responding(|| plain(503, "")), get()).await;
    ask(&layer, responding(|| plain(200, "")), get()).await;
    let page = registry.render(Format::from_accept("text/plain"));
    assert!(page.contains("plimsoll_problems_total{kind=\"conflict\",route=\"\"} 3\n"), "{page}");
    assert!(page.contains("plimsoll_problems_total{kind=\"unavailable\",route=\"\"} 1\n"), "{page}");
    assert_eq!(page.matches("plimsoll_problems_total{").count(), 2);
}

#[tokio::test]
async fn a_service_that_is_not_ready_for_good_is_told_to_the_call() {
    struct Unready;
    impl tower::Service<Request<()>> for Unready {
        type Response = Response<Full<Bytes>>;
        type Error = Problem;
        type Future = std::future::Ready<Result<Self::Response, Problem>>;
        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Problem>> {
            std::task::Poll::Ready(Err(Kind::Draining.into()))
        }
        fn call(&mut self, _: Request<()>) -> Self::Future {
            unreachable!("it was not ready")
        }
    }
    assert_eq!(ask(&BoundaryLayer::new(), Unready, get()).await.kind(), "draining");
}

#[tokio::test]
async fn headers_that_mean_something_stay_with_an_error() {
    let meant = [
        ("retry-after", "7"),
        ("allow", "GET"),
        ("www-authenticate", "Bearer"),
        ("link", "</docs>; rel=help"),
        ("location", "/elsewhere"),
        ("set-cookie", "a=b"),
        ("vary", "origin"),
        ("access-control-allow-origin", "*"),
        ("x-ratelimit-remaining", "0"),
        ("ratelimit", "limit=1"),
        ("dpop-nonce", "n"),
        ("sec-websocket-version", "13"),
        ("strict-transport-security", "max-age=1"),
        ("tus-version", "1.0.0"),
    ];
    let of_content =
        [("etag", "\"1\""), ("content-language", "de"), ("x-secret", SECRET), ("content-md5", "x")];
    let response = move || {
        let mut response = plain(429, "too many");
        for (name, value) in meant.iter().chain(&of_content) {
            response.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        response
    };
    let told = ask(&BoundaryLayer::new(), responding(response), get()).await;
    assert_eq!(told.kind(), "rate-limited");
    for (name, value) in meant {
        assert_eq!(told.header(name), value, "{name}");
    }
    for (name, _) in of_content {
        assert!(!told.headers.contains_key(name), "{name}");
    }
    let own = BoundaryLayer::new().keeping_header(header::HeaderName::from_static("content-md5"));
    let told = ask(&own, responding(response), get()).await;
    assert_eq!(
        (told.header("content-md5"), told.header("x-secret")),
        ("x", ""),
        "the list is extended by one"
    );
}

#[tokio::test]
async fn a_method_of_grpc_that_nobody_serves_is_unimplemented() {
    let call = |response: fn() -> Response<Full<Bytes>>| async move {
        let mut request = Request::post("/shop.Orders/Place").version(Version::HTTP_2).body(()).unwrap();
        request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        let told = ask(&BoundaryLayer::new(), responding(response), request).await;
        assert_eq!((told.status.as_u16(), told.header("content-type")), (200, "application/grpc"));
        told.header("grpc-status").to_owned()
    };
    assert_eq!(call(|| plain(404, "not found")).await, "12", "a router that knows no such path");
    assert_eq!(call(|| plain(405, "no")).await, "12");
    assert_eq!(call(|| plain(413, "too large")).await, "8");
    assert_eq!(call(|| plain(429, "slow")).await, "8");
    let missing = || Problem::not_found("no-such-order").into_http().map(Full::new);
    assert_eq!(call(missing).await, "5", "a service that says so itself means what it says");
}
