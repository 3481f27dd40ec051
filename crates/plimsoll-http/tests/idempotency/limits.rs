//! Limits on keys, bodies and time.

use crate::support::{Count, Sent, ask, counting, memory, post};
use bytes::Bytes;
use http::Response;
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use plimsoll_http::{
    Problem,
    idempotency::{Durations, IdempotencyLayer, MemoryStore},
};
use std::time::Duration;
use tower::service_fn;

const SECONDS: fn(u64) -> Duration = Duration::from_secs;

#[tokio::test(start_paused = true)]
async fn one_client_cannot_fill_the_store_for_all_others() {
    let layer = IdempotencyLayer::new(MemoryStore::new(8, 1 << 10)).scope(|request| {
        request.headers.get("x-user").map_or_else(Vec::new, |user| user.as_bytes().to_vec())
    });
    let service = counting(&Count::default());
    let mut seen = Vec::new();
    for (user, key) in [("loud", "1"), ("loud", "2"), ("loud", "3"), ("shy", "3"), ("loud", "1")] {
        let mut request = post(key, "{}");
        request.headers_mut().insert("x-user", user.parse().unwrap());
        let response = ask(&layer, &service, request).await;
        seen.push((response.status, response.is_replayed()));
    }
    assert_eq!(seen, [(201, false), (201, false), (429, false), (201, false), (201, true)]);
}

#[tokio::test(start_paused = true)]
async fn bodies_are_bounded_both_ways() {
    let count = Count::default();
    let layer = memory().body_limit(8).response_limit(16);
    let service = counting(&count);
    let large = ask(&layer, &service, post("k", "123456789")).await;
    assert_eq!((large.problem(), count.get()), ((413, "body-too-large".to_owned()), 0));
    assert_eq!(ask(&layer, &service, post("k", "12345678")).await.seen(), (201, "1: 12345678", false));

    let counted = count.clone();
    let streaming = service_fn(move |_: Sent| {
        counted.up();
        let chunks = ["0123456789", "0123456789", "end"]
            .map(|chunk| Ok::<_, std::io::Error>(Frame::data(Bytes::from(chunk))));
        let body = StreamBody::new(futures_util::stream::iter(chunks));
        std::future::ready(Ok::<_, Problem>(Response::new(body)))
    });
    assert_eq!(
        ask(&layer, &streaming, post("large", "{}")).await.body,
        "01234567890123456789end",
        "whole, if not kept"
    );
    let again = ask(&layer, &streaming, post("large", "{}")).await;
    assert_eq!(again.problem(), (409, "conflict".to_owned()));
    assert!(again.body.contains("answer-not-kept"));
    assert_eq!(count.get(), 2, "it is not done again");
}

#[tokio::test(start_paused = true)]
async fn work_ends_with_its_time() {
    let durations = Durations::try_new(SECONDS(2), SECONDS(3), SECONDS(9)).unwrap();
    let (layer, count) = (memory().durations(durations), Count::default());
    let counted = count.clone();
    let service = service_fn(move |_: Sent| {
        let at = counted.up();
        async move {
            if at == 1 {
                std::future::pending::<()>().await;
            }
            Ok::<_, Problem>(Response::new(Full::<Bytes>::from("done")))
        }
    });
    assert_eq!(ask(&layer, &service, post("k", "{}")).await.problem(), (504, "deadline-exceeded".to_owned()));
    assert_eq!(ask(&layer, &service, post("k", "{}")).await.seen(), (200, "done", false), "the key is free");
    tokio::time::advance(SECONDS(8)).await;
    assert!(ask(&layer, &service, post("k", "{}")).await.is_replayed());
    tokio::time::advance(SECONDS(2)).await;
    assert!(!ask(&layer, &service, post("k", "{}")).await.is_replayed(), "forgotten after its time");
}

#[tokio::test(start_paused = true)]
async fn a_full_store_refuses() {
    let layer = IdempotencyLayer::new(MemoryStore::new(1, 1 << 10));
    let count = Count::default();
    let service = counting(&count);
    ask(&layer, &service, post("k", "{}")).await;
    let other = ask(&layer, &service, post("another", "{}")).await;
    assert_eq!((other.problem(), count.get()), ((503, "overloaded".to_owned()), 1));
    assert!(ask(&layer, &service, post("k", "{}")).await.is_replayed());
}
