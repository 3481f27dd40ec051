//! The table of responses, through the fused layer.

use super::MS;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use plimsoll_policy::{
    Instant, Observer, Outcome, PolicyEvent, PolicySpec,
    retry::{Attempts, RetrySpec},
};
use plimsoll_testkit::responses::{self, TABLE, retried};
use plimsoll_tower::{
    Classify, Idempotent, PolicyLayer,
    classify::{GrpcStatus, HttpStatus},
    replay::ByClone,
};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

fn policy() -> PolicySpec {
    let retry = RetrySpec {
        attempts: Attempts::try_from(2).unwrap(),
        on: retried(),
        window: Some(2000 * MS),
        ..RetrySpec::default()
    };
    PolicySpec { retry: Some(retry), ..PolicySpec::OFF }
}

/// The outcomes of the attempts, as they are settled.
#[derive(Clone, Default)]
struct Outcomes(Arc<Mutex<Vec<Outcome>>>);

impl Observer for Outcomes {
    fn on(&self, _: Instant, event: &PolicyEvent) {
        if let PolicyEvent::Settled(_, outcome, _) = event {
            self.0.lock().unwrap().push(*outcome);
        }
    }
}

fn head(row: &responses::Response) -> Response<()> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::from_u16(row.status).unwrap();
    for (name, value) in row.headers {
        head.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    head
}

async fn judge<C: Classify<Response<()>, Infallible> + Clone>(
    classify: C,
    row: &'static responses::Response,
) {
    let outcomes = Outcomes::default();
    let layer = PolicyLayer::with_observer(policy(), outcomes.clone());
    let layer = layer.classify(classify).describe(Idempotent).replay(ByClone);
    let peer = service_fn(move |(): ()| async move { Ok::<_, Infallible>(head(row)) });
    let mut service = ServiceBuilder::new().layer(layer).service(peer);
    let response = service.ready().await.unwrap().call(()).await.unwrap();
    assert_eq!(response.status().as_u16(), row.status);
    let attempts = 1 + usize::from(row.is_retried(&retried(), 2000 * MS));
    assert_eq!(*outcomes.0.lock().unwrap(), vec![row.head.outcome; attempts], "{row:?}");
}

#[tokio::test(start_paused = true)]
async fn every_head_means_to_the_layer_what_the_table_says() {
    for row in TABLE {
        judge(GrpcStatus, row).await;
        if !row.is_grpc() {
            judge(HttpStatus, row).await;
        }
    }
}
