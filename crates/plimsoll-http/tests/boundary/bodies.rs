//! Failures after the status has been sent.

use crate::support::{Log, get};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use plimsoll_http::boundary::BoundaryLayer;
use plimsoll_telemetry::{Format, Registry};
use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Layer, ServiceExt, service_fn};

#[derive(Clone, Copy)]
enum Then {
    Panics,
    Fails,
    PanicsInDrop,
}

/// One frame, and then trouble.
struct Trouble(Then, bool);

impl Body for Trouble {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if !std::mem::replace(&mut self.1, true) {
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"half")))));
        }
        match self.0 {
            Then::Panics => panic!("half-way"),
            Then::Fails => Poll::Ready(Some(Err(io::Error::other("row 7 of hunter2")))),
            Then::PanicsInDrop => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(8)
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        if matches!(self.0, Then::PanicsInDrop) {
            panic!("dropped badly");
        }
    }
}

async fn response(layer: &BoundaryLayer, then: Then) -> plimsoll_http::boundary::BoundaryBody<Trouble> {
    let service =
        service_fn(
            move |_: Request<()>| async move { Ok::<_, Infallible>(Response::new(Trouble(then, false))) },
        );
    layer.layer(service).oneshot(get()).await.unwrap().into_body()
}

#[tokio::test]
async fn a_panic_half_way_breaks_the_body_off() {
    let log = Log::capture();
    let registry = Registry::new();
    let layer = BoundaryLayer::new().counted(&registry).unwrap();
    let mut body = response(&layer, Then::Panics).await;
    assert_eq!(body.size_hint().exact(), Some(8), "what the service said of its body still holds");
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(error.is_panic());
    assert!(body.frame().await.is_none(), "never polled again");
    assert!(log.text().contains("place=\"body\"") && log.text().contains("half-way"), "{}", log.text());
    let page = registry.render(Format::from_accept("text/plain"));
    assert!(page.contains("plimsoll_panics_total{place=\"body\",route=\"\"} 1\n"), "{page}");
    assert!(page.contains("plimsoll_broken_bodies_total{route=\"\"} 1\n"), "{page}");
}

#[tokio::test]
async fn an_error_half_way_is_logged_and_breaks_it_off() {
    let log = Log::capture();
    let mut body = response(&BoundaryLayer::new(), Then::Fails).await;
    assert!(body.frame().await.unwrap().is_ok());
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(!error.is_panic() && !error.to_string().contains("hunter2"));
    assert!(body.frame().await.is_none());
    assert!(log.text().contains("row 7 of hunter2"), "{}", log.text());
}

#[tokio::test]
async fn a_panic_in_the_drop_of_a_body_is_caught() {
    let log = Log::capture();
    drop(response(&BoundaryLayer::new(), Then::PanicsInDrop).await);
    assert!(log.text().contains("place=\"drop\""), "{}", log.text());
}

#[tokio::test]
async fn a_call_of_grpc_that_fails_half_way_ends_by_a_status_with_the_id_in_the_log() {
    for (then, cause) in [(Then::Panics, "half-way"), (Then::Fails, "row 7 of hunter2")] {
        let log = Log::capture();
        let layer = BoundaryLayer::new();
        let service = service_fn(move |_: Request<()>| async move {
            Ok::<_, Infallible>(Response::new(Trouble(then, false)))
        });
        let call = Request::post("/shop.Orders/Watch").version(http::Version::HTTP_2);
        let call = call.header("content-type", "application/grpc").body(()).unwrap();
        let body = layer.layer(service).oneshot(call).await.unwrap().into_body();
        let body = body.collect().await.expect("it ends as a call does");
        let trailers = body.trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "13");
        assert!(!format!("{trailers:?}").contains("hunter2"), "{trailers:?}");
        let id = trailers["problem-id"].to_str().unwrap();
        assert!(log.text().contains(id) && log.text().contains(cause), "{id} in {}", log.text());
        assert_eq!(body.to_bytes(), "half");
    }
}
