//! The client as a tower service, of one host and of many.

use crate::{
    server::Server,
    stand::{patient, retrying},
};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use plimsoll_http::{
    body::{ByteLimit, Format},
    client::{Client, Error, RequestError},
};
use plimsoll_policy::PolicySpec;
use plimsoll_telemetry::{Format as Page, Registry};
use std::num::NonZeroUsize;
use tower::{Service, ServiceBuilder, ServiceExt};

fn is_a_service<S: Service<Request<Full<Bytes>>> + Clone + Send + Sync + 'static>(_: &S)
where
    S::Future: Send,
{
}

#[tokio::test]
async fn it_stands_in_a_stack() {
    let server = Server::content().await;
    let client = Client::to(&server.origin, retrying()).unwrap();
    is_a_service(&client);
    let stack = ServiceBuilder::new().concurrency_limit(2).service(client);
    let request = Request::put(format!("{}/x", server.origin)).body(Full::from("hello")).unwrap();
    let response = stack.oneshot(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
    assert_eq!(server.asked(0).1, "hello");
}

#[tokio::test]
async fn each_host_has_its_own_policy_and_others_the_default() {
    let (one, two) = (Server::content().await, Server::content().await);
    let told = Client::builder().host(&one.origin, patient()).unwrap();
    let closed = told.clone().build();
    closed.get(format!("{}/", one.origin)).send().await.unwrap();
    let elsewhere = closed.get(format!("{}/", two.origin)).send().await.unwrap_err();
    assert!(matches!(elsewhere, Error::Request(RequestError::Elsewhere(_))), "{elsewhere}");
    assert!(matches!(closed.get("/").send().await, Err(Error::Request(RequestError::NoOrigin))));

    let open = told.default_policy(PolicySpec::default()).most_hosts(NonZeroUsize::MIN).build();
    open.get(format!("{}/", one.origin)).send().await.unwrap();
    open.get(format!("{}/", two.origin)).send().await.unwrap();
    let third = Server::content().await;
    open.get(format!("{}/", third.origin)).send().await.unwrap();
    let met = |server: &Server| open.handle(&server.origin.parse().unwrap()).is_some();
    assert!(met(&one) && met(&third) && !met(&two), "one host beside those it was told of");
    assert_eq!(open.handle(&one.origin.parse().unwrap()).unwrap().spec(), patient());
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_when_it_is_sent() {
    let client = Client::to("http://a.example", patient()).unwrap();
    for (request, secret) in [
        (client.get("not a path"), "not a path"),
        (client.get("http://user:hunter2@b.example/"), "hunter2"),
        (client.get("/").header("x-key", "hunter2\n"), "hunter2"),
    ] {
        let error = request.send().await.unwrap_err();
        assert!(error.is_request() && !format!("{error:?} {error}").contains(secret), "{error}");
    }
}

#[tokio::test]
async fn bodies_are_bounded() {
    let server = Server::start(|_| async { Response::new(Body::from("x".repeat(1000))) }).await;
    let client =
        Client::builder().body_limit(ByteLimit::new(100).unwrap()).origin(&server.origin, patient()).unwrap();
    let error = client.get("/").send().await.unwrap().bytes().await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 100, .. }), "{error}");
    let mut body = client.get("/").send().await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), 1000);
}

#[tokio::test]
async fn responses_are_decoded_or_a_decode_error() {
    let server = Server::start(|number| async move {
        let status = if number == 2 { 404 } else { 200 };
        Response::builder()
            .status(status)
            .body(Body::from(if number == 0 { "7" } else { "no JSON" }))
            .unwrap()
    })
    .await;
    let client = Client::to(&server.origin, patient()).unwrap();
    assert_eq!(client.get("/").send().await.unwrap().json::<u8>().await.unwrap(), 7);
    let error = client.get("/").send().await.unwrap().json::<u8>().await.unwrap_err();
    assert!(matches!(error, Error::Decode { .. }) && error.is_response(), "{error}");
    let error = client.get("/").send().await.unwrap().json::<u8>().await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
}

#[tokio::test]
async fn what_is_decided_and_what_is_open_is_counted() {
    let server = Server::content().await;
    let registry = Registry::new();
    let client = Client::builder().metrics(&registry).unwrap().origin(&server.origin, retrying()).unwrap();
    for _ in 0..3 {
        client.get("/").send().await.unwrap().bytes().await.unwrap();
    }
    let page = registry.render(Page::from_accept("text/plain"));
    let upstream = server.origin.strip_prefix("http://").unwrap();
    for line in [
        format!("plimsoll_calls_total{{policy=\"client\",upstream=\"{upstream}\"}} 3"),
        format!("plimsoll_client_connections{{upstream=\"{upstream}\",state=\"idle\"}} 1"),
        format!("plimsoll_client_connections_opened_total{{upstream=\"{upstream}\"}} 1"),
        format!("plimsoll_client_connection_uses_total{{upstream=\"{upstream}\",connection=\"reused\"}} 2"),
        format!("plimsoll_client_connect_duration_seconds_count{{upstream=\"{upstream}\"}} 1"),
    ] {
        assert!(page.contains(&line), "{line} is not in\n{page}");
    }
}

#[tokio::test]
async fn http2_without_asking() {
    let server = Server::content().await;
    let client = Client::builder().http2_only().origin(&server.origin, retrying()).unwrap();
    let calls =
        (0..20).map(|_| async { client.put("/").body("hi").send().await.unwrap().bytes().await.unwrap() });
    for response in futures_util::future::join_all(calls).await {
        assert_eq!(response, "ok");
    }
    let pool = client.handles().remove(0).pool();
    assert_eq!((pool.opened, pool.used), (1, 20), "one connection for all");
    assert_eq!(server.asked(0).0.version, http::Version::HTTP_2);
}

#[tokio::test]
async fn formats_are_agreed_on() {
    let server = Server::start(|_| async {
        Response::builder().header("content-type", "application/json").body(Body::from("[7]")).unwrap()
    })
    .await;
    let client = Client::to(&server.origin, patient()).unwrap();
    let asked = client.post("/").encoded(&[1], Format::Json).accepting::<Vec<u8>>();
    assert_eq!(asked.send().await.unwrap().negotiated::<Vec<u8>>().await.unwrap(), [7]);
    assert!(server.header(0, "accept").unwrap().contains("application/json"));
    assert_eq!(server.asked(0).1, "[1]");
}
