//! HTTP requests under the fused layer.
#![allow(missing_docs)]

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use plimsoll_http::{
    layers::{HttpFacts, HttpReplay, SentBody},
    replay::ReplayError,
};
use plimsoll_policy::{
    PolicySpec,
    hedge::{HedgeDelay, HedgeSpec},
    retry::RetrySpec,
    units::Ratio,
};
use plimsoll_tower::{PolicyLayer, classify::HttpStatus};
use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

type Sent = Request<SentBody<Full<Bytes>>>;

fn layer(spec: PolicySpec) -> PolicyLayer<HttpStatus, HttpFacts, HttpReplay> {
    PolicyLayer::new(spec)
        .classify(HttpStatus)
        .describe(HttpFacts::default())
        .replay(HttpReplay::bounded(256))
}

fn retrying() -> PolicySpec {
    PolicySpec { retry: Some(RetrySpec::default()), ..PolicySpec::OFF }
}

fn put(body: &'static str) -> Request<Full<Bytes>> {
    Request::put("http://a.example/x").header("x-a", "b").body(Full::from(body)).unwrap()
}

/// 503 at first, 200 from the second attempt on, and every body as it came.
async fn twice(request: Request<Full<Bytes>>, reads_first: bool) -> (StatusCode, Vec<Result<Bytes, String>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let attempts = AtomicUsize::new(0);
    let peer = service_fn(|request: Sent| {
        let first = attempts.fetch_add(1, Relaxed) == 0;
        assert_eq!(request.headers()["x-a"], "b");
        let seen = Arc::clone(&seen);
        async move {
            if !first || reads_first {
                let read = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
                seen.lock().unwrap().push(read.map_err(|error: ReplayError<Infallible>| error.to_string()));
            }
            let status = if first { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
            Ok::<_, Infallible>(Response::builder().status(status).body(()).unwrap())
        }
    });
    let mut service = ServiceBuilder::new().layer(layer(retrying())).service(peer);
    let status = service.ready().await.unwrap().call(request).await.unwrap().status();
    let seen = seen.lock().unwrap().clone();
    (status, seen)
}

#[tokio::test(start_paused = true)]
async fn a_body_is_sent_again_as_it_was() {
    let (status, seen) = twice(put("hello"), true).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(seen, [Ok("hello".into()), Ok("hello".into())]);
}

/// linkerd/linkerd2#15649: a retry before anything of the body had been read sent its first chunk twice.
#[tokio::test(start_paused = true)]
async fn linkerd2_15649_an_unread_body_is_sent_once() {
    let (status, seen) = twice(put("hello"), false).await;
    assert_eq!((status, seen), (StatusCode::OK, vec![Ok("hello".into())]));
}

/// linkerd/linkerd2-proxy#1043: over its bound only the chance to send it again is given up, never the request.
#[tokio::test(start_paused = true)]
async fn linkerd2_proxy_1043_a_body_over_its_bound_is_sent_once_and_whole() {
    let large: &'static str = "x".repeat(1000).leak();
    let (status, seen) = twice(put(large), true).await;
    assert_eq!((status, seen.as_slice()), (StatusCode::SERVICE_UNAVAILABLE, &[Ok(large.into())][..]));

    // The same where the size is not known beforehand.
    let chunks =
        (0..50).map(|_| Ok::<_, Infallible>(http_body::Frame::data(Bytes::from_static(b"0123456789"))));
    let body = http_body_util::StreamBody::new(futures_util::stream::iter(chunks));
    let request = Request::put("/").body(body).unwrap();
    let calls = AtomicUsize::new(0);
    let peer = service_fn(|request: Request<SentBody<_>>| {
        calls.fetch_add(1, Relaxed);
        async {
            let whole = request.into_body().collect().await.map_err(drop).unwrap().to_bytes();
            assert_eq!(whole.len(), 500);
            Ok::<_, Infallible>(Response::builder().status(503).body(()).unwrap())
        }
    });
    let response = layer(retrying());
    let response = ServiceBuilder::new().layer(response).service(peer).oneshot(request).await.unwrap();
    assert_eq!((response.status(), calls.load(Relaxed)), (StatusCode::SERVICE_UNAVAILABLE, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_safe_is_sent_once() {
    let mut post = put("hello");
    *post.method_mut() = http::Method::POST;
    let (status, seen) = twice(post, true).await;
    assert_eq!((status, seen.len()), (StatusCode::SERVICE_UNAVAILABLE, 1));
}

#[tokio::test(start_paused = true)]
async fn only_requests_without_a_body_are_hedged() {
    let hedge = HedgeSpec { after: HedgeDelay::Fixed(Duration::from_millis(50)), budget: Ratio::ONE };
    let spec = PolicySpec { hedge: Some(hedge), ..PolicySpec::OFF };
    for (body, attempts) in [("", 2), ("hello", 1)] {
        let calls = AtomicUsize::new(0);
        let peer = service_fn(|_: Sent| {
            calls.fetch_add(1, Relaxed);
            async {
                tokio::time::sleep(Duration::from_millis(80)).await;
                Ok::<_, Infallible>(Response::new(()))
            }
        });
        let service = ServiceBuilder::new().layer(layer(spec.clone())).service(peer);
        assert!(service.oneshot(put(body)).await.is_ok());
        assert_eq!(calls.load(Relaxed), attempts, "{body:?}");
    }
}
