//! A leaky bucket on the wire: in which order requests reach the origin, and at which instants of a clock that stands still
//! until told otherwise.

use crate::support::{Client, Origin, Running, Setup, until};
use plimsoll::{driver::TimeSource, policy::Instant};
use plimsoll_testkit::VirtualTime;
use std::time::Duration;

const TURN: Duration = Duration::from_millis(100);

fn ask(gateway: &Running, path: &str) -> Client {
    let mut client = gateway.client();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client
}

/// So many wait, and the first of them until then.
#[track_caller]
fn waiting(gateway: &Running, time: &VirtualTime, number: i64, next: Instant) {
    gateway.until_metric("plimsoll_rate_limit_waiting", &[], number);
    until("the first turn has a timer", || (time.next_timer() == Some(next)).then_some(()));
}

#[test]
fn requests_reach_the_origin_in_order_and_each_at_its_turn() {
    let origin = Origin::by_hand();
    let time = VirtualTime::seeded(1);
    let start = time.now();
    let gateway = Setup::to(&origin)
        .policy(r#"rate-limit = { rate = "10/s", shape = "leaky-bucket", burst = 4 }"#)
        .start_on(time.time());
    let mut first = ask(&gateway, "/0");
    let mut connection = origin.accept();
    assert_eq!(connection.expect_request().target(), "/0");
    connection.respond("0");
    assert_eq!(first.response().text(), "0");

    let mut clients = Vec::new();
    for number in 1..=3 {
        clients.push(ask(&gateway, &format!("/{number}")));
        waiting(&gateway, &time, number, start + TURN);
    }
    // The queue is full.
    let refused = gateway.client().get("/4");
    refused.assert_problem(429, "rate-limited");
    assert_eq!(refused.field("retry-after"), Some("1"));
    assert_eq!(gateway.metric("plimsoll_rejections_total", &["reason=\"queue-full\""]), 1);
    // The last one leaves, and whoever comes next has its turn.
    clients.pop().unwrap().into_wire().reset();
    waiting(&gateway, &time, 2, start + TURN);
    clients.push(ask(&gateway, "/5"));
    waiting(&gateway, &time, 3, start + TURN);

    for (turn, (path, client)) in ["/1", "/2", "/5"].into_iter().zip(&mut clients).enumerate() {
        let (left, at) = (3 - turn as i64, start + TURN * (turn as u32 + 1));
        waiting(&gateway, &time, left, at);
        time.advance_to(at - Duration::from_nanos(1));
        waiting(&gateway, &time, left, at);
        let attempts = gateway.metric("plimsoll_attempts_total", &["role=\"first\""]);
        assert_eq!(attempts, turn as i64 + 1, "before its turn nothing goes");
        time.advance_to(at);
        assert_eq!(connection.expect_request().target(), path);
        connection.respond(path);
        assert_eq!(client.response().text(), path);
    }
    assert_eq!(gateway.metric("plimsoll_rate_limit_waiting", &[]), 0);
    let waits = gateway.metrics();
    let sum = waits
        .lines()
        .find(|line| line.starts_with("plimsoll_wait_seconds_sum") && line.contains("rate-limit"));
    let seconds: f64 = sum.and_then(|line| line.rsplit(' ').next()?.parse().ok()).expect("the waits");
    assert!((seconds - 0.6).abs() < 1e-6, "{seconds}");
    assert_eq!(gateway.metric("plimsoll_wait_seconds_count", &["machine=\"rate-limit\""]), 3);
}

#[test]
fn a_request_whose_turn_would_come_too_late_is_refused_at_once() {
    let origin = Origin::responding("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let time = VirtualTime::seeded(1);
    let gateway = Setup::to(&origin)
        .policy(r#"rate-limit = { rate = "1/m", shape = "leaky-bucket", burst = 4 }"#)
        .start_on(time.time());
    assert_eq!(gateway.client().get("/").status(), 200);
    let refused = gateway.client().get("/");
    refused.assert_problem(429, "rate-limited");
    // It has fifteen seconds, and the turn comes in sixty.
    assert_eq!(refused.field("retry-after"), Some("46"));
    assert_eq!(
        gateway.metric("plimsoll_rejections_total", &["machine=\"rate-limit\"", "reason=\"rate-exceeded\""]),
        1
    );
    assert_eq!(gateway.metric("plimsoll_rate_limit_waiting", &[]), 0);
}
