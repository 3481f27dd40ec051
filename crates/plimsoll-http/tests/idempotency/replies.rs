//! The response to each kind of request.

use crate::support::{Count, Sent, ask, counting, memory, post};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use plimsoll_http::{
    Problem,
    boundary::{BoundaryLayer, Verbatim},
    idempotency::{OnConflict, Unkept},
};
use plimsoll_task::Deadline;
use plimsoll_telemetry::{Format, Registry};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use tower::{Layer, ServiceExt, service_fn};

const SECONDS: fn(u64) -> Duration = Duration::from_secs;

#[tokio::test(start_paused = true)]
async fn the_first_response_is_replayed() {
    let (layer, count) = (memory(), Count::default());
    let service = counting(&count);
    let first = ask(&layer, &service, post("\"k1\"", "{}")).await;
    assert_eq!(first.seen(), (201, "1: {}", false));
    assert_eq!(first.headers["x-inner"], "not kept");
    for key in ["\"k1\"", "k1"] {
        let again = ask(&layer, &service, post(key, "{}")).await;
        assert_eq!(again.seen(), (201, "1: {}", true));
        assert_eq!(again.headers["location"], "/orders/1");
        assert!(!again.headers.contains_key("x-inner"), "only what describes the content is kept");
    }
    assert_eq!(ask(&layer, &service, post("\"k2\"", "{}")).await.seen(), (201, "2: {}", false));
    assert_eq!(count.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_request_under_the_key_is_refused() {
    let (layer, count) = (memory(), Count::default());
    let service = counting(&count);
    ask(&layer, &service, post("k", "{}")).await;
    let other = ask(&layer, &service, post("k", "{ }")).await;
    assert_eq!(other.problem(), (422, "idempotency-key-reused".to_owned()));
    let mut elsewhere = post("k", "{}");
    *elsewhere.uri_mut() = "/payments".parse().unwrap();
    assert_eq!(ask(&layer, &service, elsewhere).await.problem().0, 422);
    assert_eq!(count.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_are_optional_or_required_and_always_well_formed() {
    let count = Count::default();
    let service = counting(&count);
    for _ in 0..2 {
        assert_eq!(ask(&memory(), &service, post("", "{}")).await.status, 201);
    }
    assert_eq!(count.get(), 2, "without a key it is done as often as it is sent");
    let layer = memory().required().documented_at("https://docs.example/keys");
    let missing = ask(&layer, &service, post("", "{}")).await;
    assert_eq!(missing.problem(), (400, "idempotency-key-missing".to_owned()));
    let link = missing.headers["link"].to_str().unwrap();
    assert!(link.starts_with("<https://docs.example/keys>"), "{link}");
    for bad in ["\"open", "a,b", " "] {
        let response = ask(&layer, &service, post(bad, "{}")).await;
        assert_eq!(response.problem(), (400, "idempotency-key-invalid".to_owned()), "{bad:?}");
    }
    let mut get = post("", "");
    *get.method_mut() = Method::GET;
    assert_eq!(ask(&layer, &service, get).await.status, 201, "a GET needs none");
    assert_eq!(count.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn no_client_gets_the_response_of_another() {
    let count = Count::default();
    let service = counting(&count);
    let layer = memory().scope(|request| {
        request.headers.get("x-user").map_or_else(Vec::new, |user| user.as_bytes().to_vec())
    });
    for (user, seen) in
        [("ann", (201, "1: {}", false)), ("bob", (201, "2: {}", false)), ("ann", (201, "1: {}", true))]
    {
        let mut request = post("k", "{}");
        request.headers_mut().insert("x-user", user.parse().unwrap());
        assert_eq!(ask(&layer, &service, request).await.seen(), seen, "{user}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_final_responses_are_kept() {
    for (status, asked, kept) in [
        (200, false, true),
        (303, false, true),
        (400, false, false),
        (404, false, false),
        (409, false, false),
        (422, false, false),
        (404, true, true),
        (409, true, true),
        (422, true, true),
        (401, true, false),
        (429, true, false),
        (500, true, false),
        (503, false, false),
    ] {
        let layer = if asked { memory().keeping_client_errors() } else { memory() };
        let count = Count::default();
        let counted = count.clone();
        let service = service_fn(move |_: Sent| {
            counted.up();
            let response = Response::builder().status(status).body(Full::from("said"));
            std::future::ready(Ok::<_, Problem>(response.unwrap()))
        });
        ask(&layer, &service, post("k", "{}")).await;
        let again = ask(&layer, &service, post("k", "{}")).await;
        assert_eq!((again.seen(), count.get()), ((status, "said", kept), if kept { 1 } else { 2 }));
        assert_eq!(layer.store().len(), usize::from(kept), "{status}: what is not kept takes no place");
    }
    let (layer, count) = (memory().final_where(|status| status.is_success()), Count::default());
    ask(&layer, &counting(&count), post("k", "{}")).await;
    assert!(ask(&layer, &counting(&count), post("k", "{}")).await.is_replayed());
}

#[tokio::test(start_paused = true)]
async fn whatever_is_wrong_with_a_key_is_explained_at_the_same_place() {
    let layer = memory().required().documented_at("https://docs.example/keys");
    let service = counting(&Count::default());
    ask(&layer, &service, post("k", "{}")).await;
    for (key, body, seen) in [
        ("", "{}", (400, "idempotency-key-missing")),
        ("a,b", "{}", (400, "idempotency-key-invalid")),
        ("k", "[]", (422, "idempotency-key-reused")),
    ] {
        let response = ask(&layer, &service, post(key, body)).await;
        assert_eq!(response.problem(), (seen.0, seen.1.to_owned()));
        assert_eq!(
            response.headers["link"], "<https://docs.example/keys>; rel=\"describedby\"; type=\"text/html\"",
            "{seen:?}"
        );
        assert_eq!(response.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_without_a_scope_says_so_once() {
    let lines = crate::support::Lines::default();
    let service = counting(&Count::default());
    for (layer, warns) in [(memory(), 1), (memory().one_scope(), 0), (memory().scope(|_| b"ann".to_vec()), 0)]
    {
        let _guard = lines.listen();
        for key in ["1", "2"] {
            assert_eq!(ask(&layer.clone(), &service, post(key, "{}")).await.status, 201);
        }
        let text = lines.take();
        assert_eq!(text.matches("IdempotencyLayer::scope").count(), warns, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_passes_without_waiting_and_is_not_kept() {
    for (content_type, marked) in [
        ("text/event-stream", false),
        ("application/x-ndjson; charset=utf-8", false),
        ("application/grpc+proto", false),
        ("application/octet-stream", true),
    ] {
        let (layer, count) = (memory(), Count::default());
        let counted = count.clone();
        let streaming = service_fn(move |_: Sent| {
            counted.up();
            let first =
                futures_util::stream::iter([Ok::<_, std::io::Error>(Frame::data(Bytes::from("tick")))]);
            let body = StreamBody::new(first.chain(futures_util::stream::pending()));
            let mut response = Response::builder().header(header::CONTENT_TYPE, content_type);
            if marked {
                response = response.extension(Unkept);
            }
            std::future::ready(Ok::<_, Problem>(response.body(body).unwrap()))
        });
        let response = layer.layer(streaming.clone()).oneshot(post("k", "{}")).await.unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], content_type);
        let mut body = response.into_body();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "tick", "{content_type}: it comes while the rest does not");
        let again = ask(&layer, &streaming, post("k", "{}")).await;
        assert!(again.status == 409 && again.body.contains("answer-not-kept"), "{}", again.body);
        assert_eq!((count.get(), layer.under_way()), (1, 0), "{content_type}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_or_a_panic_frees_the_key() {
    let (layer, count) = (memory(), Count::default());
    let counted = count.clone();
    let service = service_fn(move |_: Sent| {
        let at = counted.up();
        async move {
            match at {
                1 => Err(Problem::unavailable("not-yet")),
                2 => panic!("on the second"),
                _ => Ok(Response::new(Full::<Bytes>::from("done"))),
            }
        }
    });
    let inside = BoundaryLayer::new();
    for seen in [503, 500, 200, 200] {
        let response = inside.layer(layer.layer(service.clone())).oneshot(post("k", "{}")).await.unwrap();
        assert_eq!(response.status(), seen);
    }
    assert_eq!(count.get(), 3, "the fourth was given again");
}

#[tokio::test(start_paused = true)]
async fn twins_conflict_or_wait() {
    let gate = Arc::new(Semaphore::new(0));
    let count = Count::default();
    let (held, counted) = (Arc::clone(&gate), count.clone());
    let service = service_fn(move |_: Sent| {
        let (held, at) = (Arc::clone(&held), counted.up());
        async move {
            held.acquire().await.unwrap().forget();
            Ok::<_, Problem>(Response::new(Full::<Bytes>::from(format!("{at}"))))
        }
    });
    let layer = memory();
    let waiting = layer.clone().on_conflict(OnConflict::Wait(SECONDS(5)));
    let first = tokio::spawn({
        let (layer, service) = (layer.clone(), service.clone());
        async move { ask(&layer, &service, post("k", "{}")).await }
    });
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    let twin = ask(&layer, &service, post("k", "{}")).await;
    assert_eq!(twin.problem(), (409, "idempotency-key-in-flight".to_owned()));
    assert_eq!(twin.headers["retry-after"], "1");

    let patient = ask(&waiting, &service, post("k", "{}")).await;
    assert_eq!(patient.problem().0, 409, "not for ever");
    let hurried = Deadline::after(SECONDS(1)).scope(async {
        let began = tokio::time::Instant::now();
        (ask(&waiting, &service, post("k", "{}")).await.status, began.elapsed())
    });
    assert_eq!(hurried.await, (409, SECONDS(1)), "no longer than its own deadline");

    let (patient, ()) = tokio::join!(ask(&waiting, &service, post("k", "{}")), async {
        tokio::time::sleep(SECONDS(2)).await;
        gate.add_permits(1);
    });
    assert_eq!(patient.seen(), (200, "1", true));
    assert_eq!(first.await.unwrap().seen(), (200, "1", false));
    assert_eq!(count.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_boundary_treats_a_replayed_response_like_the_first() {
    let (layer, boundary) = (memory().keeping_client_errors(), BoundaryLayer::new());
    for verbatim in [false, true] {
        let service = service_fn(move |_: Sent| {
            let mut response = Response::builder().status(422).header(header::CONTENT_TYPE, "text/plain");
            if verbatim {
                response = response.extension(Verbatim);
            }
            std::future::ready(Ok::<_, Problem>(response.body(Full::<Bytes>::from("amount")).unwrap()))
        });
        let key = if verbatim { "a" } else { "b" };
        let mut told = Vec::new();
        for replayed in [false, true] {
            let inner = boundary.layer(layer.layer(service));
            let response = inner.oneshot(post(key, "{}")).await.unwrap();
            assert_eq!(response.headers().contains_key("idempotency-replayed"), replayed);
            told.push(crate::support::FullResponse::of(response).await.body);
        }
        assert_eq!(told[0], told[1]);
        assert_eq!(told[0] == "amount", verbatim);
    }
}

#[tokio::test(start_paused = true)]
async fn each_is_counted() {
    let registry = Registry::new();
    let (layer, count) = (memory().counted(&registry).unwrap(), Count::default());
    let service = counting(&count);
    for (key, body) in [("k", "{}"), ("k", "{}"), ("k", "[]"), ("a,b", "{}")] {
        ask(&layer, &service, post(key, body)).await;
    }
    let page = registry.render(Format::from_accept("text/plain"));
    for event in ["first", "replayed", "reused", "refused"] {
        let line = format!("plimsoll_idempotency_total{{event=\"{event}\"}} 1\n");
        assert!(page.contains(&line), "{line} in\n{page}");
    }
}
