//! Routers inside routers, and what stands at the server's edge.

use crate::{
    client::{Raw, ask, get},
    stand::Stand,
};
use axum::{Router, routing};
use http::{HeaderValue, Method};
use plimsoll_http::{
    inbound::Answered,
    layers::{HttpFacts, KeyBy},
    serve::{Limits, RouteNames, serve},
};
use plimsoll_policy::rate::RateLimitSpec;
use plimsoll_telemetry::{Format, Registry};
use plimsoll_tower::RateLimitLayer;
use std::{net::SocketAddr, num::NonZeroU32};
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
    let layer = Answered::new(RateLimitLayer::keyed(spec, HttpFacts::by(KeyBy::Client)));
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
