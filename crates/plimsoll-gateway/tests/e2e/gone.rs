//! A client that leaves: the upstream attempt is cancelled at once, at whatever stage, and its permits come back.

use crate::support::{Client, Deaf, FILLING, Origin, Running, Setup, Wire, until};

fn guarded(origin: &Origin) -> Running {
    Setup::to(origin).policy("bulkhead = { in-flight = 1, waiting = 0 }").start()
}

/// The one place in the bulkhead is free again.
#[track_caller]
fn the_next_is_admitted(gateway: &Running, origin: &Origin) {
    until("the next request is admitted", || {
        let mut client = gateway.client();
        client.send("GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        // Refused, it has a response; admitted, its response is the origin's to send.
        let mut connection = loop {
            match origin.try_accept() {
                Some(connection) => break connection,
                None if !client.is_quiet() => return None,
                None => {}
            }
        };
        connection.expect_request();
        connection.respond("ok");
        assert_eq!(client.response().text(), "ok");
        Some(())
    });
    gateway.until_metric("plimsoll_requests_in_flight", &[], 0);
}

/// Leaves, in good order or by a reset; the origin must see its connection end.
#[track_caller]
fn leaves(gateway: &Running, origin: &Origin, client: Client, mut connection: Wire, reset: bool) {
    if reset {
        client.into_wire().reset();
    } else {
        drop(client);
    }
    connection.rest();
    gateway.until_metric("plimsoll_connections", &[], 0);
    the_next_is_admitted(gateway, origin);
}

#[test]
fn while_the_origin_thinks() {
    for reset in [false, true] {
        let origin = Origin::by_hand();
        let gateway = guarded(&origin);
        let mut client = gateway.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut connection = origin.accept();
        connection.expect_request();
        assert_eq!(gateway.metric("plimsoll_requests_in_flight", &[]), 1);
        leaves(&gateway, &origin, client, connection, reset);
        assert_eq!(gateway.metric("plimsoll_calls_abandoned_total", &[]), 1);
        // Cancelled is no failure of the origin's.
        assert_eq!(gateway.metric("plimsoll_attempt_duration_seconds_count", &["outcome=\"broken\""]), 0);
    }
}

#[test]
fn while_the_origin_thinks_about_a_body() {
    for reset in [false, true] {
        let origin = Origin::by_hand();
        let gateway = guarded(&origin);
        let mut client = gateway.client();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
        let mut connection = origin.accept();
        connection.expect_request();
        leaves(&gateway, &origin, client, connection, reset);
    }
}

#[test]
fn within_its_body() {
    for reset in [false, true] {
        for head in ["Content-Length: 100\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"] {
            let origin = Origin::by_hand();
            let gateway = guarded(&origin);
            let mut client = gateway.client();
            client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{head}"));
            let mut connection = origin.accept();
            connection.take_to(b"ab").unwrap();
            leaves(&gateway, &origin, client, connection, reset);
        }
    }
}

/// The client's bytes are stuck behind an origin that takes none, and its end behind them: the idle limit ends it.
#[test]
fn within_a_body_that_the_origin_does_not_take() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin)
        .policy("bulkhead = { in-flight = 1, waiting = 0 }")
        .policy(r#"timeout = { idle = "100ms", first-byte = "15s", attempt = "15s", total = "15s" }"#)
        .start();
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    let connection = origin.accept();
    client.stream.set_nonblocking(true).unwrap();
    let mut stuck = 0;
    // The buffers between here and there fill up.
    while stuck < 50 {
        if client.try_send(FILLING).is_ok() {
            stuck = 0;
        } else {
            stuck += 1;
            std::thread::park_timeout(std::time::Duration::from_millis(1));
        }
    }
    leaves(&gateway, &origin, client, connection, true);
}

#[test]
fn within_the_response_when_the_origin_is_quiet() {
    for reset in [false, true] {
        for framing in
            ["Content-Length: 100\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "\r\nab"]
        {
            let origin = Origin::by_hand();
            let gateway = guarded(&origin);
            let mut client = gateway.client();
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            let mut connection = origin.accept();
            connection.expect_request();
            connection.send(format!("HTTP/1.1 200 OK\r\n{framing}"));
            client.take_to(b"ab").unwrap();
            leaves(&gateway, &origin, client, connection, reset);
        }
    }
}

#[test]
fn within_the_response_when_much_of_it_is_under_way() {
    let origin = Origin::by_hand();
    let gateway = guarded(&origin);
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    assert_eq!(client.head().unwrap().status(), 200);
    client.into_wire().reset();
    while connection.try_send(FILLING).is_ok() {}
    drop(connection);
    the_next_is_admitted(&gateway, &origin);
}

#[test]
fn while_it_waits_in_line() {
    let origin = Origin::by_hand();
    let gateway =
        Setup::to(&origin).policy(r#"bulkhead = { in-flight = 1, waiting = 1, wait = "15s" }"#).start();
    let mut first = gateway.client();
    first.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    // Takes the one place in line, and leaves it.
    let mut second = gateway.client();
    second.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
    until("the line is full", || {
        let mut probe = gateway.client();
        probe.send("GET /probe HTTP/1.1\r\nHost: a\r\n\r\n");
        (!probe.is_quiet()).then(|| probe.response().assert_problem(503, "bulkhead-full"))
    });
    drop(second);
    gateway.until_metric("plimsoll_connections", &[], 1);
    let mut third = gateway.client();
    third.send("GET /third HTTP/1.1\r\nHost: a\r\n\r\n");
    connection.respond("1");
    assert_eq!(first.response().text(), "1");
    assert_eq!(connection.expect_request().target(), "/third");
    connection.respond("3");
    assert_eq!(third.response().text(), "3");
}

#[cfg(target_os = "linux")]
#[test]
fn while_a_connection_is_made() {
    let deaf = Deaf::new();
    let gateway =
        Setup::to_addresses([deaf.address]).policy("bulkhead = { in-flight = 1, waiting = 0 }").start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    gateway.until_metric("plimsoll_attempts_total", &[], 1);
    gateway.client().get("/").assert_problem(503, "bulkhead-full");
    drop(client);
    gateway.until_metric("plimsoll_calls_abandoned_total", &[], 1);
    let mut next = gateway.client();
    next.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    gateway.until_metric("plimsoll_attempts_total", &[], 2);
}

#[test]
fn with_requests_pipelined_behind() {
    let origin = Origin::by_hand();
    let gateway = guarded(&origin);
    let mut client = gateway.client();
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    leaves(&gateway, &origin, client, connection, false);
    assert!(!String::from_utf8_lossy(&origin.log()).contains("/2"));
}
