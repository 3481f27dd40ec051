//! Panics at any point: the caller gets a response, the log the location, and the service goes on.

use crate::support::{Log, ask, get, responding};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use plimsoll_http::boundary::{BoundaryLayer, OnPanic};
use plimsoll_telemetry::{Format, Registry};
use std::{
    convert::Infallible,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tower::{Layer, ServiceExt, service_fn};

type ServiceResult = Result<Response<Full<Bytes>>, Infallible>;

const SECRET: &str = "hunter2";

fn fine() -> ServiceResult {
    Ok(Response::new(Full::from("fine")))
}

#[tokio::test]
async fn a_panic_while_responding_is_a_500_with_its_place_in_the_log() {
    let log = Log::capture();
    let registry = Registry::new();
    let layer = BoundaryLayer::new().counted(&registry).unwrap();
    let service = service_fn(|request: Request<()>| async move {
        assert!(request.uri().path() != "/panic", "the password is {SECRET}");
        fine()
    });
    let response = ask(&layer, service, Request::get("/panic").body(()).unwrap()).await;
    assert_eq!((response.status.as_u16(), response.kind().as_str()), (500, "internal"));
    response.assert_without(SECRET);
    let id = response.problem()["id"].as_str().unwrap().to_owned();
    let text = log.text();
    let line = text.lines().find(|line| line.contains("place=\"handler\"")).unwrap();
    assert!(line.contains(&id) && line.contains("the password is hunter2"), "{line}");
    assert!(line.contains("panics.rs:"), "where it was: {line}");
    assert_eq!(ask(&layer, service, get()).await.body, "fine");
    let page = registry.render(Format::from_accept("text/plain"));
    assert!(page.contains("plimsoll_panics_total{place=\"handler\",route=\"\"} 1\n"), "{page}");
    assert!(page.contains("plimsoll_problems_total{kind=\"internal\",route=\"\"} 1\n"), "{page}");
}

#[tokio::test]
async fn a_panic_before_there_is_a_future_is_one_too() {
    let service = service_fn(|_: Request<()>| {
        if true {
            panic!("{SECRET}");
        }
        std::future::ready(fine())
    });
    let response = ask(&BoundaryLayer::new(), service, get()).await;
    assert_eq!(response.kind(), "internal");
    response.assert_without(SECRET);
}

#[tokio::test]
async fn a_panic_of_the_mapping_is_one_too() {
    struct Unmapped;
    impl From<Unmapped> for plimsoll_http::Problem {
        fn from(_: Unmapped) -> Self {
            panic!("{SECRET}")
        }
    }
    let response = ask(&BoundaryLayer::new(), crate::support::failing(|| Unmapped), get()).await;
    assert_eq!(response.kind(), "internal");
    response.assert_without(SECRET);
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("dropped badly");
        }
    }
}

#[tokio::test]
async fn a_panic_in_drop_is_caught_when_the_caller_leaves() {
    let log = Log::capture();
    let layer = BoundaryLayer::new();
    let service = service_fn(|_: Request<()>| async {
        let _bomb = Bomb;
        std::future::pending::<ServiceResult>().await
    });
    let mut call = Box::pin(layer.layer(service).oneshot(get()));
    assert!(futures_util::poll!(&mut call).is_pending());
    drop(call);
    assert!(log.text().contains("place=\"drop\"") && log.text().contains("dropped badly"), "{}", log.text());
}

/// A future that has its response, and panics when it is dropped.
struct PanicsWhenDropped {
    response: Option<ServiceResult>,
    _bomb: Bomb,
}

impl Future for PanicsWhenDropped {
    type Output = ServiceResult;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<ServiceResult> {
        std::task::Poll::Ready(self.response.take().expect("polled once"))
    }
}

#[tokio::test]
async fn a_response_survives_a_later_panic_in_drop() {
    let log = Log::capture();
    let service = service_fn(|_: Request<()>| PanicsWhenDropped { response: Some(fine()), _bomb: Bomb });
    assert_eq!(ask(&BoundaryLayer::new(), service, get()).await.body, "fine");
    assert!(log.text().contains("place=\"drop\""), "{}", log.text());
}

#[tokio::test]
async fn a_panic_in_drop_while_responding_is_a_500() {
    let service = service_fn(|_: Request<()>| async {
        let _bomb = Bomb;
        fine()
    });
    assert_eq!(ask(&BoundaryLayer::new(), service, get()).await.kind(), "internal");
}

#[tokio::test]
async fn the_first_panic_begins_a_drain_where_asked_for() {
    let drains = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&drains);
    let drain = OnPanic::respond_then(move |panicked| {
        assert_eq!(panicked.message(), "no");
        counted.fetch_add(1, Relaxed);
    });
    let layer = BoundaryLayer::new().on_panic(drain);
    for _ in 0..3 {
        let service = service_fn(|_: Request<()>| async { if true { panic!("no") } else { fine() } });
        assert_eq!(ask(&layer, service, get()).await.kind(), "internal");
    }
    assert_eq!(drains.load(Relaxed), 1);
    assert_eq!(ask(&layer, responding(|| fine().unwrap()), get()).await.body, "fine");
}

/// In a process of its own, started by the test below: run by itself it does nothing.
#[tokio::test]
async fn the_process_that_aborts() {
    if std::env::var_os("BOUNDARY_TEST_ABORTS").is_none() {
        return;
    }
    let layer = BoundaryLayer::new().on_panic(OnPanic::Abort);
    let service = service_fn(|_: Request<()>| async { if true { panic!("no") } else { fine() } });
    ask(&layer, service, get()).await;
}

#[cfg(unix)]
#[test]
fn abort_ends_the_process() {
    use std::os::unix::process::ExitStatusExt;
    const SIGABRT: i32 = 6;
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "panics::the_process_that_aborts"])
        .env("BOUNDARY_TEST_ABORTS", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), Some(SIGABRT), "{output:?}");
}
