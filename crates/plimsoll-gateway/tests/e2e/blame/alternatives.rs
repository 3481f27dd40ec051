//! Hedges, retries and queued calls, where there is another endpoint and where there is none.

use super::{OK, RETRY, TOUCHY};
use crate::support::{Client, Origin, Setup, http2::converse, until};
use plimsoll::telemetry::Format;
use plimsoll_gateway::control::Control;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

#[test]
fn a_hedge_without_another_endpoint_does_not_go() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).policy(r#"hedge = { after = "20ms", budget = "100%" }"#).start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    gateway.until_metric("plimsoll_hedges_denied_total", &["reason=\"no-endpoint\""], 1);
    connection.respond("first");
    assert_eq!(client.response().text(), "first");
    assert_eq!(origin.connections(), 1);
    assert_eq!(gateway.metric("plimsoll_hedges_total", &["event=\"started\""]), 0);
}

#[test]
fn a_hedge_goes_to_the_other_endpoint() {
    let origins = [Origin::by_hand(), Origin::by_hand()];
    let gateway = Setup::to_all(&[&origins[0], &origins[1]])
        .policy(r#"hedge = { after = "20ms", budget = "100%" }"#)
        .start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut asked = [origins[0].accept(), origins[1].accept()];
    for connection in &mut asked {
        connection.expect_request();
    }
    assert_eq!(gateway.metric("plimsoll_hedges_total", &["event=\"started\""]), 1);
    assert_eq!(origins.each_ref().map(Origin::connections), [1, 1]);
}

#[test]
fn a_retry_without_an_endpoint_gives_the_endpoints_own_response() {
    let (down, checks) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let origin = Origin::serving(move |request, wire| {
        if request.target() == "/health" {
            let status = if down.load(Ordering::SeqCst) { 500 } else { 200 };
            checks.fetch_add(1, Ordering::SeqCst);
            wire.send(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"));
            return Ok(());
        }
        down.store(true, Ordering::SeqCst);
        let before = checks.load(Ordering::SeqCst);
        // The first of them may have been good, and of the last the gateway does not know yet.
        until("it is unhealthy", || (checks.load(Ordering::SeqCst) >= before + 3).then_some(()));
        wire.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
        Ok(())
    });
    let setup = Setup::to(&origin)
        .upstream(r#"health = { path = "/health", every = "10ms", timeout = "10ms", unhealthy-after = 1 }"#)
        .upstream(r#"panic-threshold = "0%""#)
        .policy(RETRY);
    converse(async {
        let control = Control::start(setup.spec(), None).await.unwrap();
        let address = control.gateway().addresses()[0];
        let asking = tokio::task::spawn_blocking(move || Client::connect(address).get("/"));
        let response = asking.await.unwrap();
        assert_eq!((response.status(), response.text(), response.field("proxy-status")), (503, "busy", None));
        let metrics = control.gateway().registry().render(Format::Prometheus);
        let denied = |line: &str| {
            line.starts_with("plimsoll_retries_denied_total") && line.contains("reason=\"no-endpoint\"")
        };
        assert!(metrics.lines().any(|line| denied(line) && line.ends_with(" 1")), "{metrics}");
    });
}

#[test]
fn a_queued_call_never_enters_an_open_breaker() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin)
        .policy(TOUCHY)
        .policy(r#"bulkhead = { in-flight = 1, waiting = 10, wait = "15s" }"#)
        .start();
    let mut holder = gateway.client();
    holder.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    let mut queued: Vec<Client> = (0..10)
        .map(|_| {
            let mut client = gateway.client();
            client.send("GET /queued HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        })
        .collect();
    gateway.until_metric("plimsoll_bulkhead_waiting", &[], 10);
    connection.send("HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!(holder.response().status(), 500);
    for client in &mut queued {
        client.response().assert_problem(503, "circuit-open");
    }
    assert_eq!(origin.connections(), 1);
    assert!(!String::from_utf8_lossy(&origin.log()).contains("/queued"));
}

fn busy(after: u32) -> Origin {
    Origin::serving(move |_, wire| {
        wire.send(format!("HTTP/1.1 503 Busy\r\nRetry-After: {after}\r\nContent-Length: 4\r\n\r\nbusy"));
        Ok(())
    })
}

#[test]
fn a_replica_that_asks_to_be_left_alone_costs_nothing_while_another_is_idle() {
    let (asks, idle) = (busy(30), Origin::responding(OK));
    let gateway = Setup::to_all(&[&asks, &idle]).policy(RETRY).start();
    let mut client = gateway.client();
    for _ in 0..4 {
        assert_eq!(client.get("/").text(), "ok");
    }
    assert!(asks.requests() >= 1);
    assert_eq!((idle.requests(), gateway.metric("plimsoll_timeouts_total", &[])), (4, 0));
}

#[test]
fn where_all_ask_to_be_left_alone_past_the_deadline_the_response_comes_at_once() {
    let (one, other) = (busy(30), busy(40));
    let gateway =
        Setup::to_all(&[&one, &other]).policy(RETRY).policy(r#"timeout = { total = "4s" }"#).start();
    let response = gateway.client().get("/");
    assert_eq!((response.status(), response.text(), response.field("proxy-status")), (503, "busy", None));
    assert!(["30", "40"].contains(&response.field("retry-after").unwrap()));
    assert_eq!((one.requests(), other.requests()), (1, 1));
    assert_eq!(gateway.metric("plimsoll_retries_denied_total", &["reason=\"no-time\""]), 1);
}

#[test]
fn where_all_ask_to_be_left_alone_within_the_deadline_the_call_waits() {
    let count = Arc::<AtomicUsize>::default();
    let origins = [(); 2].map(|()| {
        let count = Arc::clone(&count);
        Origin::serving(move |_, wire| {
            wire.send(if count.fetch_add(1, Ordering::SeqCst) < 2 {
                "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy"
            } else {
                OK
            });
            Ok(())
        })
    });
    let gateway = Setup::to_all(&[&origins[0], &origins[1]]).policy(RETRY).start();
    assert_eq!(gateway.client().get("/").text(), "ok");
    assert_eq!(count.load(Ordering::SeqCst), 3);
}
