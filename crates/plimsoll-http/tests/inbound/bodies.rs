use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use plimsoll_http::{
    boundary::ReportedProblem,
    inbound::{ArrivalLimits, BodyError, BodyLimitLayer},
};
use std::{convert::Infallible, time::Duration};
use tokio::time::sleep;
use tower::{Layer, ServiceExt, service_fn};

type Read = Result<Bytes, BodyError<Infallible>>;

const SECOND: Duration = Duration::from_secs(1);

/// `count` pieces of 10 bytes, with so long before each.
fn pieces(count: usize, wait: Duration) -> StreamBody<impl Stream<Item = Result<Frame<Bytes>, Infallible>>> {
    StreamBody::new(Box::pin(stream::unfold(0, move |at| async move {
        sleep(wait).await;
        (at < count).then(|| (Ok(Frame::data(Bytes::from_static(b"0123456789"))), at + 1))
    })))
}

/// Returns what the service reads of the body, and what the caller is told.
async fn sent<B>(limits: ArrivalLimits, body: B, said: StatusCode) -> (Option<Read>, String)
where
    B: http_body::Body<Data = Bytes, Error = Infallible> + Unpin,
{
    let read = std::sync::Mutex::new(None);
    let service = service_fn(|request: Request<plimsoll_http::inbound::body_limit::LimitedBody<B>>| async {
        let whole = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        *read.lock().unwrap() = Some(whole);
        Ok::<_, Infallible>(Response::builder().status(said).body(Full::<Bytes>::from("said")).unwrap())
    });
    let response = BodyLimitLayer::new(limits).layer(service).oneshot(Request::new(body)).await.unwrap();
    let told = response.extensions().get::<ReportedProblem>().map(|told| told.problem().kind().name());
    let told = told.map_or_else(|| response.status().as_u16().to_string(), ToOwned::to_owned);
    (read.into_inner().unwrap(), told)
}

fn size(size: u64) -> ArrivalLimits {
    ArrivalLimits { size: Some(size), ..ArrivalLimits::default() }
}

#[tokio::test(start_paused = true)]
async fn what_says_it_is_too_large_is_not_read() {
    assert_eq!(
        sent(size(9), Full::from("0123456789"), StatusCode::OK).await,
        (None, "body-too-large".into())
    );
    let whole = (Some(Ok("0123456789".into())), "200".into());
    assert_eq!(sent(size(10), Full::from("0123456789"), StatusCode::OK).await, whole);
    assert_eq!(sent(size(0), Empty::new(), StatusCode::OK).await, (Some(Ok(Bytes::new())), "200".into()));
}

#[tokio::test(start_paused = true)]
async fn what_says_nothing_is_counted() {
    let said = StatusCode::BAD_REQUEST;
    let (read, told) = sent(size(25), pieces(3, Duration::ZERO), said).await;
    assert_eq!(
        (read, told),
        (Some(Err(BodyError::TooLarge)), "body-too-large".into()),
        "not the 400 it led to"
    );
    let (read, told) = sent(size(30), pieces(3, Duration::ZERO), said).await;
    assert_eq!((read.unwrap().unwrap().len(), told), (30, "400".into()), "its own 400 stays");
}

#[tokio::test(start_paused = true)]
async fn a_successful_response_despite_a_cut_body_is_left_alone() {
    let (read, told) = sent(size(25), pieces(3, Duration::ZERO), StatusCode::ACCEPTED).await;
    assert_eq!((read, told), (Some(Err(BodyError::TooLarge)), "202".into()));
}

#[tokio::test(start_paused = true)]
async fn time_is_limited_between_pieces_and_in_all() {
    let idle = ArrivalLimits { idle: Some(SECOND * 3), ..ArrivalLimits::default() };
    let total = ArrivalLimits { total: Some(SECOND * 10), ..ArrivalLimits::default() };
    let said = StatusCode::INTERNAL_SERVER_ERROR;
    for (limits, count, wait, fits) in [
        (idle, 100, 2, true),
        (idle, 1, 4, false),
        (total, 4, 2, true),
        (total, 100, 2, false),
        (ArrivalLimits { total: Some(SECOND), ..idle }, 1, 2, false),
        (ArrivalLimits::default(), 3, 9999, true),
    ] {
        let (read, told) = sent(limits, pieces(count, SECOND * wait), said).await;
        if fits {
            assert_eq!((read.unwrap().unwrap().len(), told.as_str()), (count * 10, "500"), "{limits:?}");
        } else {
            assert_eq!(
                (read, told.as_str()),
                (Some(Err(BodyError::TooSlow)), "request-timeout"),
                "{limits:?}"
            );
        }
    }
}

/// A call of gRPC whose service ends as tonic's do, with a status in the head, if its body breaks off.
async fn called<B>(limits: ArrivalLimits, body: B) -> String
where
    B: http_body::Body<Data = Bytes, Error = Infallible> + Unpin,
{
    let service = service_fn(|request: Request<plimsoll_http::inbound::body_limit::LimitedBody<B>>| async {
        let status = if request.into_body().collect().await.is_ok() { "0" } else { "13" };
        Ok::<_, Infallible>(
            Response::builder().header("grpc-status", status).body(Full::<Bytes>::default()).unwrap(),
        )
    });
    let request =
        Request::post("/shop.Orders/Place").header("content-type", "application/grpc").body(body).unwrap();
    let response = BodyLimitLayer::new(limits).layer(service).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.headers()["grpc-status"].to_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_message_of_grpc_that_is_too_large_is_resource_exhausted() {
    assert_eq!(called(size(9), Full::from("0123456789")).await, "8", "it says so beforehand");
    assert_eq!(called(size(19), pieces(2, SECOND)).await, "8", "it says nothing");
    assert_eq!(called(size(20), pieces(2, SECOND)).await, "0");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_of_grpc_is_not_cut() {
    let limits = ArrivalLimits { idle: Some(SECOND), ..ArrivalLimits::default() };
    assert_eq!(called(limits, pieces(3, SECOND * 3600)).await, "0");
    let whole = ArrivalLimits { total: Some(SECOND), ..limits };
    assert_eq!(called(whole, pieces(3, SECOND * 3600)).await, "4", "the time for all of it still holds");
}

/// The same, with a message before its status in the trailers.
async fn streamed<B>(limits: ArrivalLimits, body: B) -> HeaderMap
where
    B: http_body::Body<Data = Bytes, Error = Infallible> + Unpin + Send + 'static,
{
    let service = service_fn(|request: Request<plimsoll_http::inbound::body_limit::LimitedBody<B>>| async {
        let frames =
            stream::once(async { Frame::data(Bytes::from_static(b"message")) }).chain(stream::once(async {
                let status = if request.into_body().collect().await.is_ok() { "0" } else { "13" };
                Frame::trailers(HeaderMap::from_iter([(
                    HeaderName::from_static("grpc-status"),
                    status.parse().unwrap(),
                )]))
            }));
        Ok::<_, Infallible>(Response::new(StreamBody::new(Box::pin(frames.map(Ok::<_, Infallible>)))))
    });
    let request =
        Request::post("/shop.Orders/Place").header("content-type", "application/grpc").body(body).unwrap();
    let response = BodyLimitLayer::new(limits).layer(service).oneshot(request).await.unwrap();
    assert!(response.headers().get("grpc-status").is_none());
    let body = response.into_body().collect().await.unwrap();
    let trailers = body.trailers().unwrap().clone();
    assert_eq!(body.to_bytes(), "message");
    trailers
}

#[tokio::test(start_paused = true)]
async fn a_status_of_grpc_in_trailers_is_that_of_the_limit() {
    let large = streamed(size(19), pieces(2, SECOND)).await;
    assert_eq!(large["grpc-status"], "8");
    assert!(large.get("grpc-message").is_some() && large.get("content-type").is_none(), "{large:?}");
    let whole = ArrivalLimits { total: Some(SECOND), ..ArrivalLimits::default() };
    assert_eq!(streamed(whole, pieces(2, SECOND)).await["grpc-status"], "4");
    assert_eq!(streamed(size(20), pieces(2, SECOND)).await["grpc-status"], "0");
}
