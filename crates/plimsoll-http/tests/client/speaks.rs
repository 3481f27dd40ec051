//! The client's log of a peer that fails.

use crate::{server::Server, stand::patient};
use axum::{body::Body, response::Response};
use plimsoll_http::{client::Client, headers::TraceParent};
use plimsoll_policy::{PolicySpec, Timeouts, breaker::BreakerSpec};
use plimsoll_testkit::Written;
use std::time::Duration;
use tracing::subscriber::DefaultGuard;

/// The log of this thread.
#[derive(Clone, Default)]
struct Page(Written);

impl Page {
    fn open() -> (Self, DefaultGuard) {
        let page = Self::default();
        let Self(to) = page.clone();
        let log = tracing_subscriber::fmt().json().flatten_event(true);
        let subscriber = log.with_writer(move || to.clone()).finish();
        (page, tracing::subscriber::set_default(subscriber))
    }

    fn failures(&self) -> Vec<serde_json::Value> {
        self.lines("attempt failed")
    }

    fn lines(&self, message: &str) -> Vec<serde_json::Value> {
        let text = self.0.text();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.filter(|line: &serde_json::Value| line["message"] == message).collect()
    }
}

#[tokio::test]
async fn a_peer_that_refuses_is_one_line_with_the_cause_and_the_id_of_the_request_that_asked() {
    let (page, _open) = Page::open();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let client = Client::to(&format!("http://{address}"), patient()).unwrap();
    let here = TraceParent { trace: 0xabc, parent: 0xdef, flags: 1 };
    for _ in 0..20 {
        here.scope(client.get("/").send()).await.unwrap_err();
    }
    let [line] = &page.failures()[..] else { panic!("{:#?}", page.failures()) };
    assert_eq!((&line["level"], &line["why"]), (&"WARN".into(), &"upstream-refused".into()), "{line:#}");
    assert_eq!(line["upstream"], address.to_string());
    assert_eq!(line["id"], "00000000000000000000000000000abc");
    assert!(line["error"].as_str().unwrap().contains("refused"), "{line:#}");
}

#[tokio::test]
async fn each_cause_has_its_own_line_and_a_success_has_none() {
    let (page, _open) = Page::open();
    let server = Server::start(|number| async move {
        match number {
            0 => Response::builder().status(503).body(Body::empty()).unwrap(),
            1 => std::future::pending().await,
            _ => Response::new(Body::empty()),
        }
    })
    .await;
    let timeouts = Timeouts { attempt: Some(Duration::from_millis(200)), ..Timeouts::NONE };
    let client = Client::to(&server.origin, crate::stand::limited(timeouts)).unwrap();
    client.get("/").send().await.unwrap();
    client.get("/").send().await.unwrap_err();
    client.get("/").send().await.unwrap();
    let failures = page.failures();
    let whys: Vec<&str> = failures.iter().map(|line| line["why"].as_str().unwrap()).collect();
    assert_eq!(whys, ["upstream-status", "attempt-timeout"], "{failures:#?}");
    assert_eq!(failures[0]["status"], 503);
}

#[tokio::test]
async fn a_breaker_that_opens_is_a_line_with_and_without_metrics() {
    let breaker =
        || BreakerSpec { consecutive_failures: std::num::NonZeroU32::new(2), ..BreakerSpec::default() };
    let policy = || PolicySpec { breaker: Some(breaker()), ..patient() };
    for counted in [true, false] {
        let (page, _open) = Page::open();
        let server =
            Server::start(|_| async { Response::builder().status(503).body(Body::empty()).unwrap() }).await;
        let builder = Client::builder();
        let builder = if counted { builder } else { builder.without_metrics() };
        let client = builder.origin(&server.origin, policy()).unwrap();
        for _ in 0..2 {
            client.get("/").send().await.unwrap();
        }
        client.get("/").send().await.unwrap_err();
        let [line] = &page.lines("breaker opened")[..] else { panic!("{counted}: {}", page.0.text()) };
        assert_eq!(
            (&line["level"], &line["reason"]),
            (&"WARN".into(), &"consecutive-failures".into()),
            "{line:#}"
        );
        assert_eq!(line["upstream"], server.origin.trim_start_matches("http://"));
    }
}
