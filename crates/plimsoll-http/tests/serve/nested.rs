//! Routers inside routers, and what stands at the server's edge.

use crate::{
    client::{Raw, ask, get},
    stand::Stand,
};
use axum::{Router, response::IntoResponse, routing};
use http::{HeaderValue, Method, StatusCode};
use plimsoll_http::{
    inbound::{InFlightLayer, RejectAsResponse},
    layers::{HttpFacts, KeyBy},
    serve::{Limits, RouteNames, serve},
};
use plimsoll_policy::{bulkhead::BulkheadSpec, rate::RateLimitSpec};
use plimsoll_telemetry::{Format, Registry};
use plimsoll_testkit::Written;
use plimsoll_tower::{BulkheadLayer, RateLimitLayer};
use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
};
use tower_http::cors::CorsLayer;

fn orders() -> Router {
    Router::new().route("/{id}", routing::get(|| async { "order" }))
}

#[tokio::test]
async fn routes_in_nests_have_their_names() {
    let app = Router::new()
        .nest("/nested", orders())
        .nest("/deep", Router::new().nest("/er", orders()))
        .merge(Router::new().route("/merged/{id}", routing::get(|| async { "merged" })))
        .nest_service("/service", orders().layer(RouteNames))
        .nest("/both", Router::new().nest_service("/service", orders().layer(RouteNames)))
        .fallback_service(
            Router::new().route("/last/{id}", routing::get(|| async { "last" })).layer(RouteNames),
        );
    let registry = Registry::new();
    let server = serve(app).on("127.0.0.1:0").registry(registry.clone()).without_signals();
    let bound = server.bind().await.unwrap();
    let (address, drain) = (bound.addresses()[0], bound.drain_handle());
    let running = tokio::spawn(bound.run());
    let routes = [
        ("/nested/1", "/nested/{id}"),
        ("/deep/er/1", "/deep/er/{id}"),
        ("/merged/1", "/merged/{id}"),
        ("/service/1", "/service/{id}"),
        ("/both/service/1", "/both/service/{id}"),
        ("/last/1", "/last/{id}"),
    ];
    for (path, _) in routes {
        for _ in 0..2 {
            assert_eq!(get(address, path).await.status, 200, "{path}");
        }
    }
    drain.request();
    running.await.unwrap().unwrap();
    let page = registry.render(Format::Prometheus);
    for (_, route) in routes {
        let line = format!("plimsoll_server_requests_total{{route=\"{route}\",code=\"2xx\"}} 2");
        assert!(page.contains(&line), "{line} in\n{page}");
    }
    assert!(!page.contains("route=\"unmatched\",code=\"2xx\"} 1"), "{page}");
}

#[tokio::test]
async fn a_refusal_has_the_headers_of_cors() {
    let origin = "origin: https://shop.example";
    let cors = CorsLayer::new()
        .allow_origin("https://shop.example".parse::<HeaderValue>().unwrap())
        .allow_methods([Method::PUT]);
    let limits = || Limits {
        shedding: None,
        client_in_flight: NonZeroU32::new(1),
        body_size: Some(plimsoll_http::body::ByteLimit::new(4).unwrap()),
        ..Limits::default()
    };
    let stand = Stand::with(|server| server.limits(limits()).cors(cors.clone())).await;
    let allowed =
        |answer: &crate::client::Answer| answer.header("access-control-allow-origin").map(str::to_owned);
    let shop = Some("https://shop.example".to_owned());

    let large = ask(stand.address, &format!("POST /echo HTTP/1.1\r\n{origin}"), "12345").await;
    assert_eq!((large.status, allowed(&large)), (413, shop.clone()));
    let mut held = Raw::to(stand.address).await;
    held.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stand.until("plimsoll_server_requests_in_flight", 1.0).await;
    let refused = ask(stand.address, &format!("GET / HTTP/1.1\r\n{origin}"), "").await;
    assert_eq!((refused.status, allowed(&refused)), (503, shop.clone()));
    assert!(refused.header("x-request-id").is_some());
    let preflight = format!("OPTIONS / HTTP/1.1\r\n{origin}\r\naccess-control-request-method: PUT");
    let preflight = ask(stand.address, &preflight, "").await;
    assert_eq!((preflight.status, allowed(&preflight)), (200, shop.clone()), "it takes nobody's place");
    stand.gate.add_permits(1);
    assert_eq!(held.answer().await.unwrap().status, 200);
    let panicked = ask(stand.address, &format!("GET /boom HTTP/1.1\r\n{origin}"), "").await;
    assert_eq!((panicked.status, allowed(&panicked)), (500, shop));
}

#[tokio::test]
async fn a_proxy_that_nobody_named_is_counted() {
    const SERIES: &str = "plimsoll_server_untrusted_forwarded_total";
    let stand = Stand::new().await;
    for _ in 0..3 {
        ask(stand.address, "GET / HTTP/1.1\r\nx-forwarded-for: 198.51.100.7", "").await;
    }
    assert!((stand.metric(SERIES) - 3.0).abs() < 0.1);
    let trusting = Stand::with(|server| server.trusting(["127.0.0.0/8".parse().unwrap()])).await;
    ask(trusting.address, "GET / HTTP/1.1\r\nx-forwarded-for: 198.51.100.7", "").await;
    assert!(trusting.metric(SERIES) < 0.1);
}

#[tokio::test]
async fn a_limit_by_client_works_under_plain_axum() {
    let spec = RateLimitSpec::new("1/h".parse().unwrap());
    let layer = RejectAsResponse::new(RateLimitLayer::keyed(spec, HttpFacts::by(KeyBy::Client)));
    let app = Router::new().route("/", routing::get(|| async { "hello" })).layer(layer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(async move { axum::serve(listener, service).await });
    let from = |local: &'static str| async move {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{local}:0").parse().unwrap()).unwrap();
        let mut raw = Raw::of(socket.connect(address).await.unwrap());
        raw.get("/").await.unwrap().status
    };
    // Loopback is a whole network: each of its addresses is another client.
    assert_eq!((from("127.0.0.1").await, from("127.0.0.1").await, from("127.0.0.2").await), (200, 429, 200));
    serving.abort();
}

#[tokio::test]
async fn a_limit_by_client_without_its_address_is_an_error_that_names_the_fix() {
    let page = Written::default();
    let to = page.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || to.clone()).finish();
    let _writing = tracing::subscriber::set_default(subscriber);
    let rate = || {
        let spec = RateLimitSpec::new("1000/s".parse().unwrap());
        RejectAsResponse::new(RateLimitLayer::keyed(spec, HttpFacts::by(KeyBy::Client)))
    };
    let places = || {
        let spec = BulkheadSpec::default();
        InFlightLayer::new(BulkheadLayer::keyed(spec, NonZeroUsize::MIN, HttpFacts::by(KeyBy::Client)))
    };
    let hello = || Router::new().route("/", routing::get(|| async { "hello" }));
    // Also where a layer without a key stands around it, or within.
    let by_host = || {
        let spec = RateLimitSpec::new("1000/s".parse().unwrap());
        RejectAsResponse::new(RateLimitLayer::keyed(spec, HttpFacts::default()))
    };
    for app in [
        hello().layer(rate()),
        hello().layer(places()),
        hello().layer(rate()).layer(by_host()),
        hello().layer(by_host()).layer(rate()),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        for _ in 0..2 {
            let answer = get(address, "/").await;
            assert_eq!((answer.status, answer.kind().as_str()), (500, "internal"));
            assert!(answer.body.contains("client-unknown"), "{answer:?}");
        }
        serving.abort();
    }
    let lines = page.text().matches("into_make_service_with_connect_info").count();
    assert_eq!(lines, 1, "{}", page.text());
}

#[tokio::test]
async fn a_service_whose_routes_have_no_names_is_a_line_in_the_log_unless_it_says_that_it_has_none() {
    let nameless = |app: Router| async move {
        let page = Written::default();
        let to = page.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || to.clone()).finish();
        let _writing = tracing::subscriber::set_default(subscriber);
        let bound =
            serve(app).on("127.0.0.1:0").registry(Registry::new()).without_signals().bind().await.unwrap();
        let (address, drain) = (bound.addresses()[0], bound.drain_handle());
        let running = tokio::spawn(bound.run());
        for _ in 0..2 {
            get(address, "/in/1").await;
            assert_eq!(get(address, "/nothing").await.status, 404);
        }
        drain.request();
        running.await.unwrap().unwrap();
        page.text().matches("RouteNames").count()
    };
    assert_eq!(nameless(Router::new().nest_service("/in", orders())).await, 1);
    assert_eq!(nameless(Router::new().nest_service("/in", orders().layer(RouteNames))).await, 0);
    assert_eq!(nameless(Router::new().nest("/in", orders())).await, 0);
    assert_eq!(nameless(Router::new()).await, 0, "nobody answers");
    let single = tower::service_fn(|request: axum::extract::Request| async move {
        let found = request.uri().path() == "/1";
        let status = if found { StatusCode::OK } else { StatusCode::NOT_FOUND };
        Ok::<_, std::convert::Infallible>((status, "single").into_response())
    });
    let named = tower::Layer::layer(&RouteNames, single);
    assert_eq!(nameless(Router::new().nest_service("/in", named)).await, 0);
}
