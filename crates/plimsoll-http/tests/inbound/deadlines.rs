use bytes::Bytes;
use futures_util::stream;
use http::{HeaderName, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use plimsoll_http::{
    boundary::ReportedProblem,
    inbound::{DeadlineLayer, DeadlineRules, RespondBy},
};
use plimsoll_task::Deadline;
use std::{convert::Infallible, future::pending, time::Duration};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

fn rules(total: u32) -> DeadlineRules {
    DeadlineRules { total: Some(SECOND * total), ..DeadlineRules::default() }
}

fn asked(headers: &[(&'static str, &str)]) -> Request<()> {
    let mut request = Request::new(());
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request
}

#[tokio::test(start_paused = true)]
async fn the_earliest_of_all_that_is_said_counts() {
    let expected = "x-envoy-expected-rq-timeout-ms";
    let cases: [(&[(&'static str, &str)], u64); 6] = [
        (&[], 10_000),
        (&[(expected, "3000")], 3_000),
        (&[(expected, "60000")], 10_000),
        (&[("grpc-timeout", "2S")], 2_000),
        (&[("grpc-timeout", "5S"), (expected, "4000")], 4_000),
        (&[("grpc-timeout", "nonsense"), (expected, "-1")], 10_000),
    ];
    for (headers, millis) in cases {
        let within = service_fn(move |request: Request<()>| async move {
            assert_eq!(request.extensions().get::<Deadline>(), Some(&Deadline::current()));
            assert_eq!(Deadline::current().remaining(), Some(Duration::from_millis(millis)));
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
        let response = DeadlineLayer::new(rules(10)).layer(within).oneshot(asked(headers)).await.unwrap();
        assert_eq!(response.status(), 200, "{headers:?}");
    }
    let own = DeadlineRules { total: None, header: Some(HeaderName::from_static("x-wait-ms")), grpc: false };
    let within = service_fn(|_: Request<()>| async {
        assert_eq!(Deadline::current().remaining(), Some(Duration::from_millis(7)));
        Ok::<_, Infallible>(Response::new(()))
    });
    let request = asked(&[("x-wait-ms", "7"), ("grpc-timeout", "1n"), (expected, "1")]);
    assert_eq!(DeadlineLayer::new(own).layer(within).oneshot(request).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn when_it_passes_the_work_is_dropped_and_the_caller_is_told() {
    let service = service_fn(|_: Request<()>| pending::<Result<Response<Full<Bytes>>, Infallible>>());
    let before = Instant::now();
    let response = DeadlineLayer::new(rules(10)).layer(service).oneshot(asked(&[])).await.unwrap();
    assert_eq!((response.status().as_u16(), before.elapsed()), (504, SECOND * 10));
    assert_eq!(
        response.extensions().get::<ReportedProblem>().unwrap().problem().kind().name(),
        "deadline-exceeded"
    );
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"{\"type\":\"urn:plimsoll:problem:deadline-exceeded\""), "{body:?}");
}

#[tokio::test(start_paused = true)]
async fn what_comes_too_late_is_not_begun() {
    let service = service_fn(|_: Request<()>| async {
        unreachable!("nobody waits for this") as Result<Response<()>, Infallible>
    });
    let late = asked(&[("grpc-timeout", "0S"), ("content-type", "application/grpc")]);
    let response = DeadlineLayer::new(rules(10)).layer(service).oneshot(late).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["grpc-status"]),
        (200, &"4".parse().unwrap())
    );
}

type Ticks =
    StreamBody<std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>>;

/// A body with a piece every second, `count` of them.
fn ticks(count: u32) -> Ticks {
    StreamBody::new(Box::pin(stream::unfold(0, move |at| async move {
        sleep(SECOND).await;
        (at < count).then(|| (Ok(Frame::data(Bytes::from_static(b"tick"))), at + 1))
    })))
}

/// How many pieces of a response of `count` arrive, and whether its end does.
async fn pieces(count: u32, head: impl Fn(&mut Response<Ticks>)) -> (usize, bool) {
    let service = service_fn(|_: Request<()>| {
        let mut response = Response::new(ticks(count));
        head(&mut response);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let response = DeadlineLayer::new(rules(5)).layer(service).oneshot(asked(&[])).await.unwrap();
    let mut body = Box::pin(response.into_body());
    let mut count = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(_) => count += 1,
            Err(_) => return (count, false),
        }
    }
    (count, true)
}

#[tokio::test(start_paused = true)]
async fn the_deadline_spans_the_body_unless_the_response_asks_for_longer() {
    assert_eq!(pieces(3, |_| ()).await, (3, true));
    assert_eq!(pieces(100, |_| ()).await, (4, false), "the fifth is due with the deadline");
    let longer = |response: &mut Response<Ticks>| {
        response.extensions_mut().insert(RespondBy(Deadline::NEVER));
    };
    assert_eq!(pieces(20, longer).await, (20, true));
    let events = |response: &mut Response<Ticks>| {
        response.headers_mut().insert("content-type", "text/event-stream; charset=utf-8".parse().unwrap());
    };
    assert_eq!(pieces(20, events).await, (20, true));
}

#[tokio::test(start_paused = true)]
async fn a_call_of_grpc_whose_deadline_passes_in_its_body_ends_by_the_status_4() {
    let service =
        service_fn(|_: Request<()>| std::future::ready(Ok::<_, Infallible>(Response::new(ticks(100)))));
    let call = asked(&[("grpc-timeout", "5S"), ("content-type", "application/grpc")]);
    let response = DeadlineLayer::new(rules(60)).layer(service).oneshot(call).await.unwrap();
    let body = response.into_body().collect().await.expect("it ends as a call does");
    assert_eq!(body.trailers().unwrap()["grpc-status"], "4");
    assert_eq!(body.to_bytes().len(), 4 * "tick".len());
}
