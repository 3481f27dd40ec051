use http::{Request, Response};
use plimsoll_http::{inbound::RejectAsResponse, layers::HttpFacts};
use plimsoll_policy::{Priority, shed::ShedSpec};
use plimsoll_tower::{ShedLayer, driver::now};
use std::{convert::Infallible, time::Duration};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn while_queues_stand_the_least_important_go_first_and_are_told_when_to_come_back() {
    let layer = ShedLayer::new(ShedSpec::default()).describe(HttpFacts::default());
    let shedder = layer.shedder().clone();
    let service = RejectAsResponse::new(layer)
        .layer(service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) }));
    let ask = async |priority: Priority| {
        let mut request = Request::new(());
        request.extensions_mut().insert(priority);
        service.clone().oneshot(request).await.unwrap()
    };
    let mut refused = 0;
    for _ in 0..500 {
        tokio::time::advance(Duration::from_millis(10)).await;
        shedder.waited(now(), Duration::from_millis(50));
        assert_eq!(ask(Priority::CRITICAL).await.status(), 200, "never");
        let response = ask(Priority::default()).await;
        if response.status() == 503 {
            refused += 1;
            assert!(response.headers().contains_key("retry-after"));
        }
    }
    assert!(refused > 50, "{refused} of 500");
}
