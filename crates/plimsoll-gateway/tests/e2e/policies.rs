//! The machines of a policy on the wire: breaker, bulkhead, rate limits.

use crate::support::{Client, ClientResponse, Origin, Running, Setup, until};
use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

/// Responds with whatever status is set.
fn steered() -> (Origin, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(200));
    let origin = Origin::serving({
        let status = Arc::clone(&status);
        move |_, wire| {
            wire.send(format!("HTTP/1.1 {} X\r\nContent-Length: 2\r\n\r\nok", status.load(Ordering::SeqCst)));
            Ok(())
        }
    });
    (origin, status)
}

#[track_caller]
fn retry_after(response: &ClientResponse) -> u64 {
    response.field("retry-after").expect("Retry-After").parse().expect("seconds")
}

fn state(gateway: &Running, state: &str) -> bool {
    gateway.metric("plimsoll_breaker_state", &[&format!("state=\"{state}\"")]) == 1
}

#[test]
fn the_breaker_opens_probes_and_closes() {
    let (origin, status) = steered();
    let gateway = Setup::to(&origin)
        .policy(r#"breaker = { window = 10, minimum-calls = 4, failure-ratio = "50%", open = "100ms", max-open = "100ms", jitter = "0%", probes = 2 }"#)
        .start();
    let mut client = gateway.client();
    assert_eq!(client.get("/").status(), 200);
    assert!(state(&gateway, "closed"));
    status.store(500, Ordering::SeqCst);
    until("it opens", || {
        let response = client.get("/");
        (response.status() != 500).then(|| {
            response.assert_problem(503, "circuit-open");
            assert!(retry_after(&response) >= 1);
        })
    });
    assert!(state(&gateway, "open"));
    assert!(gateway.metric("plimsoll_rejections_total", &["machine=\"breaker\""]) >= 1);
    // A probe that fails opens it again.
    let before = origin.requests();
    until("a probe is let through", || {
        client.get("/");
        (origin.requests() > before).then_some(())
    });
    until("it is open again", || {
        let response = client.get("/");
        (response.status() == 503).then(|| response.assert_problem(503, "circuit-open"))
    });
    status.store(200, Ordering::SeqCst);
    until("it closes", || {
        client.get("/");
        state(&gateway, "closed").then_some(())
    });
    for _ in 0..5 {
        assert_eq!(client.get("/").status(), 200);
    }
    assert!(gateway.metric("plimsoll_breaker_transitions_total", &["to=\"half-open\""]) >= 2);
    assert!(gateway.metric("plimsoll_breaker_transitions_total", &["to=\"closed\""]) >= 1);
}

/// Too many requests and a client's mistakes say nothing of an endpoint's health.
#[test]
fn the_breaker_is_not_opened_by_refusals() {
    let (origin, status) = steered();
    let gateway = Setup::to(&origin).policy(r#"breaker = { window = 4, failure-ratio = "50%" }"#).start();
    let mut client = gateway.client();
    for code in [429, 404, 400] {
        status.store(code, Ordering::SeqCst);
        for _ in 0..10 {
            assert_eq!(client.get("/").status(), code);
        }
    }
    assert!(state(&gateway, "closed"));
}

fn hold(gateway: &Running, origin: &Origin) -> (Client, crate::support::Wire) {
    let mut client = gateway.client();
    client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    (client, connection)
}

#[test]
fn a_full_bulkhead_refuses_and_recovers() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).policy("bulkhead = { in-flight = 2, waiting = 0 }").start();
    let (mut first, mut connection) = hold(&gateway, &origin);
    let held = hold(&gateway, &origin);
    gateway.client().get("/").assert_problem(503, "bulkhead-full");
    assert_eq!(gateway.metric("plimsoll_rejections_total", &["machine=\"bulkhead\""]), 1);
    connection.respond("1");
    assert_eq!(first.response().text(), "1");
    assert_eq!(first.get_by(&mut connection, "/again"), "/again");
    drop(held);
}

#[test]
fn waiting_in_line_is_bounded_in_number_and_time() {
    let origin = Origin::by_hand();
    let gateway =
        Setup::to(&origin).policy(r#"bulkhead = { in-flight = 1, waiting = 1, wait = "15s" }"#).start();
    let (mut first, mut connection) = hold(&gateway, &origin);
    let mut waiting = gateway.client();
    waiting.send("GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(waiting.is_quiet());
    gateway.client().get("/").assert_problem(503, "bulkhead-full");
    connection.respond("1");
    assert_eq!(first.response().text(), "1");
    assert_eq!(connection.expect_request().target(), "/waiting");
    connection.respond("2");
    assert_eq!(waiting.response().text(), "2");
    assert_eq!(gateway.metric("plimsoll_wait_seconds_count", &["machine=\"bulkhead\""]), 1);

    let origin = Origin::by_hand();
    let gateway =
        Setup::to(&origin).policy(r#"bulkhead = { in-flight = 1, waiting = 9, wait = "50ms" }"#).start();
    let _held = hold(&gateway, &origin);
    gateway.client().get("/").assert_problem(503, "bulkhead-full");
}

fn limited(per: &str, origin: &Origin) -> Setup {
    Setup::to(origin).policy(&format!("rate-limit = {{ rate = \"1/h\", burst = 2, per = \"{per}\" }}"))
}

#[track_caller]
fn refused(response: &ClientResponse) {
    response.assert_problem(429, "rate-limited");
    assert!((1..=3600).contains(&retry_after(response)), "{response:?}");
}

#[test]
fn a_rate_for_all() {
    let (origin, _) = steered();
    let gateway = limited("all", &origin).start();
    assert_eq!([gateway.client().get("/").status(), gateway.client().get("/").status()], [200, 200]);
    refused(&gateway.client().get("/"));
    assert_eq!(gateway.metric("plimsoll_rejections_total", &["machine=\"rate-limit\""]), 1);
    gateway.until_metric("plimsoll_requests_total", &["code=\"4xx\""], 1);
    assert_eq!(origin.requests(), 2);
}

#[test]
fn a_rate_for_each_client() {
    let (origin, _) = steered();
    let gateway = limited("client", &origin).start();
    for last in 2..5 {
        let from = Some(Ipv4Addr::new(127, 0, 0, last).into());
        let mut client = Client::connect_from(gateway.address, from, false);
        assert_eq!([client.get("/").status(), client.get("/").status()], [200, 200]);
        refused(&client.get("/"));
        // By another connection it is still the same client, and nobody's word makes it another.
        let mut client = Client::connect_from(gateway.address, from, false);
        refused(&client.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n"));
    }
    // Unless it is to be believed.
    let gateway = limited("client", &origin).top(r#"trusted = ["127.0.0.1"]"#).start();
    let mut proxy = gateway.client();
    for client in ["9.9.9.9", "8.8.8.8"] {
        let get = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n\r\n");
        assert_eq!([proxy.ask(&get).status(), proxy.ask(&get).status()], [200, 200]);
        refused(&proxy.ask(&get));
    }
}

#[test]
fn a_rate_for_each_value_of_a_header() {
    let (origin, _) = steered();
    let gateway = limited("header:x-tenant", &origin).start();
    let mut client = gateway.client();
    for tenant in ["a", "b"] {
        let get = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Tenant: {tenant}\r\n\r\n");
        assert_eq!([client.ask(&get).status(), client.ask(&get).status()], [200, 200]);
        refused(&client.ask(&get));
    }
}

#[test]
fn a_rate_for_each_route() {
    let (origin, _) = steered();
    let route = |path: &str| format!("[[route]]\npath = \"{path}\"\nupstream = \"origin\"\npolicy = \"p\"\n");
    let gateway = limited("route", &origin).routes(&(route("/a") + &route("/b"))).start();
    let mut client = gateway.client();
    for path in ["/a", "/b"] {
        assert_eq!([client.get(path).status(), client.get(path).status()], [200, 200]);
        refused(&client.get(path));
    }
}

/// State belongs to the policy and its upstream: every worker sees the same.
#[test]
fn workers_share_a_policys_state() {
    let (origin, _) = steered();
    let gateway = limited("all", &origin).workers(3).start();
    let statuses: Vec<u16> = (0..12).map(|_| gateway.client().get("/").status()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2, "{statuses:?}");
}

/// Several fields of a name are one list: every value of it counts, however it is spelled.
#[test]
fn a_key_of_several_values_goes_by_all_of_them() {
    let origins = ["one", "two", "three"].map(|name| {
        Origin::serving(move |_, wire| {
            wire.respond(name);
            Ok(())
        })
    });
    let gateway =
        Setup::to_all(&origins.each_ref()).upstream("balance = { hash = \"header:x-user\" }").start();
    let mut client = gateway.client();
    let mut asked = |fields: &str| {
        let response = client.ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        response.text().to_owned()
    };
    let mut reached = BTreeSet::new();
    for second in 0..64 {
        let apart = asked(&format!("X-User: same\r\nX-User: {second}\r\n"));
        assert_eq!(asked(&format!("X-User: same, {second}\r\n")), apart, "{second}");
        reached.insert(apart);
    }
    assert_eq!(reached.len(), 3, "the second value counts: {reached:?}");
}
