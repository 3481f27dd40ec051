//! Clients that leave, wherever they stand.

use crate::support::{Count, Sent, ask, memory, post};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use plimsoll_http::{Problem, idempotency::IdempotencyLayer};
use std::time::Duration;
use tower::{Layer, Service, ServiceExt, service_fn};

fn slow(
    count: &Count,
) -> impl Service<Sent, Response = Response<Full<Bytes>>, Error = Problem, Future: Send> + Clone + Send + 'static
{
    let count = count.clone();
    service_fn(move |_: Sent| {
        let at = count.up();
        async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            Ok(Response::new(Full::from(at.to_string())))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn the_work_goes_on_and_its_response_is_stored() {
    let (layer, count) = (memory(), Count::default());
    let service = slow(&count);
    for polls in 1..5 {
        let key: &'static str = format!("k{polls}").leak();
        let mut call = Box::pin(layer.layer(service.clone()).oneshot(post(key, "{}")));
        for _ in 0..polls {
            assert!(futures_util::poll!(&mut call).is_pending());
            tokio::task::yield_now().await;
        }
        drop(call);
        tokio::time::sleep(Duration::from_secs(6)).await;
        let again = ask(&layer, &service, post(key, "{}")).await;
        assert_eq!(again.seen(), (200, polls.to_string().as_str(), true), "left after {polls} polls");
    }
    assert_eq!(count.get(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_was_there_leaves_nothing() {
    let (layer, count) = (memory(), Count::default());
    drop(layer.layer(slow(&count)).oneshot(post("k", "{}")));
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!((count.get(), layer.store().len(), layer.under_way()), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn so_many_at_once_and_no_more_whether_somebody_waits_or_not() {
    let (layer, count): (IdempotencyLayer<_>, _) = (memory().at_once(2), Count::default());
    let service = slow(&count);
    for key in ["a", "b"] {
        let mut call = Box::pin(layer.layer(service.clone()).oneshot(post(key, "{}")));
        assert!(futures_util::poll!(&mut call).is_pending());
    }
    assert_eq!(layer.under_way(), 2);
    assert_eq!(ask(&layer, &service, post("c", "{}")).await.problem(), (503, "overloaded".to_owned()));
    let began = tokio::time::Instant::now();
    layer.idle().await;
    assert_eq!((began.elapsed(), layer.under_way()), (Duration::from_secs(5), 0));
    assert_eq!(ask(&layer, &service, post("c", "{}")).await.status, 200);
}
