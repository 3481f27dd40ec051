//! The limits of a call, each with its own response.

use crate::support::{Deaf, Origin, Running, Setup};

fn limited(origin: &Origin, timeout: &str) -> Running {
    let defaults =
        [("connect", "15s"), ("first-byte", "15s"), ("attempt", "15s"), ("idle", "15s"), ("total", "15s")];
    let mut pairs: Vec<String> = defaults
        .iter()
        .filter(|(key, _)| !timeout.contains(&format!("{key} =")))
        .map(|(key, value)| format!("{key} = \"{value}\""))
        .collect();
    pairs.push(timeout.to_owned());
    Setup::to(origin).policy(&format!("timeout = {{ {} }}", pairs.join(", "))).start()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn the_first_byte_the_attempt_and_the_total() {
    for (timeout, limit, kind) in [
        ("first-byte = \"50ms\"", "first-byte", "attempt-timeout"),
        ("attempt = \"50ms\"", "attempt", "attempt-timeout"),
        ("total = \"50ms\", first-byte = \"50ms\", attempt = \"50ms\", connect = \"50ms\"", "", ""),
    ] {
        let origin = Origin::by_hand();
        let gateway = limited(&origin, timeout);
        let mut client = gateway.client();
        client.send(GET);
        let mut connection = origin.accept();
        connection.expect_request();
        let response = client.response();
        assert_eq!(response.status(), 504);
        if kind.is_empty() {
            // All run out in the same moment: which of them is named is open.
            assert!(["attempt-timeout", "deadline-exceeded"].contains(&response.problem().as_str()));
        } else {
            assert_eq!(response.problem(), kind);
            assert_eq!(gateway.metric("plimsoll_timeouts_total", &[&format!("limit=\"{limit}\"")]), 1);
        }
        // What the origin is doing is not wanted any more.
        connection.rest();
    }
}

#[test]
fn the_deadline_before_the_response() {
    let origin = Origin::by_hand();
    let gateway =
        limited(&origin, "total = \"100ms\", first-byte = \"off\", attempt = \"off\", connect = \"off\"");
    let mut client = gateway.client();
    client.send(GET);
    let mut connection = origin.accept();
    client.response().assert_problem(504, "deadline-exceeded");
    connection.expect_request();
    connection.rest();
    assert_eq!(gateway.metric("plimsoll_timeouts_total", &["limit=\"total\""]), 1);
}

#[test]
fn the_deadline_during_the_body_breaks_the_connection() {
    let origin = Origin::serving(|_, wire| {
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        // Bytes keep coming: only the deadline can end it.
        loop {
            wire.try_send("1\r\na\r\n").map_err(|_| crate::support::End::Reset)?;
            std::thread::park_timeout(std::time::Duration::from_millis(5));
        }
    });
    let gateway = limited(
        &origin,
        "total = \"150ms\", first-byte = \"150ms\", attempt = \"150ms\", connect = \"150ms\"",
    );
    let mut client = gateway.client();
    client.send(GET);
    client.broken_response();
    assert_eq!(gateway.metric("plimsoll_timeouts_total", &["limit=\"total\""]), 1);
}

/// The deadline holds for a client that takes the response slowly, too: it keeps an origin busy.
#[test]
fn the_deadline_holds_for_a_slow_reader() {
    let origin = Origin::serving(|_, wire| {
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(65536));
        loop {
            wire.try_send(&chunk).map_err(|_| crate::support::End::Reset)?;
        }
    });
    let gateway = limited(
        &origin,
        "total = \"150ms\", first-byte = \"150ms\", attempt = \"150ms\", connect = \"150ms\"",
    );
    let mut client = gateway.client();
    client.send(GET);
    client.broken_response();
    assert_eq!(gateway.metric("plimsoll_caller_timeouts_total", &["limit=\"total\""]), 1);
}

/// It holds for one that takes nothing at all, long before `write-time`: read and written, and from socket to socket.
#[test]
fn the_deadline_holds_while_a_write_waits() {
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65536));
    for (framing, bytes) in
        [("Transfer-Encoding: chunked", chunk), ("Content-Length: 1000000000", "x".repeat(65536))]
    {
        let origin = Origin::serving(move |_, wire| {
            wire.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
            loop {
                wire.try_send(&bytes).map_err(|_| crate::support::End::Reset)?;
            }
        });
        let gateway =
            limited(&origin, "total = \"1s\", first-byte = \"1s\", attempt = \"1s\", connect = \"1s\"");
        let mut client = gateway.client();
        client.send(GET);
        gateway.until_metric("plimsoll_caller_timeouts_total", &["limit=\"total\""], 1);
        gateway.until_metric("plimsoll_requests_in_flight", &[], 0);
        assert_eq!(gateway.metric("plimsoll_slow_clients_total", &[]), 0, "{framing}");
        client.broken_response();
    }
}

#[test]
fn an_idle_origin_within_the_body_breaks_the_connection() {
    let origin = Origin::by_hand();
    let gateway = limited(&origin, "idle = \"50ms\"");
    let mut client = gateway.client();
    client.send(GET);
    let mut connection = origin.accept();
    connection.expect_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    assert_eq!(client.broken_response(), b"abc");
    assert_eq!(gateway.metric("plimsoll_timeouts_total", &["limit=\"idle\""]), 1);
    connection.rest();
}

#[test]
fn an_idle_client_within_its_body_is_told_so() {
    let origin = Origin::by_hand();
    let gateway = limited(&origin, "idle = \"50ms\"");
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    let mut connection = origin.accept();
    assert!(connection.request().is_err());
    assert_eq!(client.response().status(), 408);
    assert_eq!(gateway.metric("plimsoll_caller_timeouts_total", &["limit=\"idle\""]), 1);
}

/// A slow uploader that keeps sending is nobody's fault: `idle` counts from the last byte, `first-byte` from the end.
#[test]
fn a_slow_upload_is_not_held_against_the_origin() {
    let origin = Origin::by_hand();
    let gateway = limited(&origin, "first-byte = \"50ms\", idle = \"10s\"");
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
    let mut connection = origin.accept();
    connection.take_to(b"\r\n\r\na").unwrap();
    assert!(client.is_quiet() && client.is_quiet(), "longer than the first byte may take");
    client.send("bc");
    connection.take(2).unwrap();
    connection.respond("ok");
    assert_eq!(client.response().text(), "ok");
}

/// A connection that does not come about in time: the request has not left, so another endpoint is asked, whatever it is.
#[cfg(target_os = "linux")]
#[test]
fn a_connection_that_does_not_come_about() {
    let deaf = Deaf::new();
    let timeout = r#"timeout = { connect = "100ms", first-byte = "15s", attempt = "15s", total = "15s" }"#;
    let gateway = Setup::to_addresses([deaf.address]).policy(timeout).start();
    gateway.client().get("/").assert_problem(504, "attempt-timeout");
    assert_eq!(gateway.metric("plimsoll_timeouts_total", &["limit=\"connect\""]), 1);

    let origin = Origin::responding("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Setup::to_addresses([deaf.address, origin.address])
        .policy(timeout)
        .policy(r#"retry = { attempts = 2, backoff = "1ms..1ms", reserve = 10 }"#)
        .start();
    let mut client = gateway.client();
    for _ in 0..2 {
        assert_eq!(client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").text(), "ok");
    }
}
