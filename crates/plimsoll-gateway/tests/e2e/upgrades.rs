//! Switches of protocols: tunnels, and what must not become one.

use crate::support::{Client, End, FILLING, Origin, Running, Setup, Wire};
use std::time::Duration;

const WEBSOCKET: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n";

/// A tunnel through the gateway, from its client to its origin.
fn tunnel(gateway: &Running, origin: &Origin) -> (Client, Wire) {
    let mut client = gateway.client();
    client.send(WEBSOCKET);
    let mut connection = origin.accept();
    let request = connection.expect_request();
    assert_eq!((request.field("connection"), request.field("upgrade")), (Some("upgrade"), Some("websocket")));
    assert_eq!(request.field("sec-websocket-key"), Some("x"));
    // The first frame comes in one piece with the head.
    connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\nhello");
    let head = client.head().unwrap();
    assert_eq!(
        (head.status(), head.field("upgrade"), head.field("connection")),
        (101, Some("websocket"), Some("upgrade"))
    );
    assert_eq!(head.field("sec-websocket-accept"), Some("y"));
    assert_eq!(client.take(5).unwrap(), b"hello");
    (client, connection)
}

#[test]
fn a_tunnel_outlives_the_requests_limits_and_holds_its_places() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin)
        .policy(r#"timeout = { attempt = "15s", total = "15s", idle = "50ms" }"#)
        .policy("bulkhead = { in-flight = 1, waiting = 0 }")
        .limits("idle-time = \"50ms\"\nhead-time = \"50ms\"\nwrite-time = \"50ms\"")
        .start();
    let (mut client, mut connection) = tunnel(&gateway, &origin);
    // Its limits no longer hold: this takes longer than any of them.
    assert!(connection.is_quiet() && client.is_quiet() && connection.is_quiet());
    // Its place in the bulkhead is taken for as long as it lives.
    let mut other = gateway.client();
    other.get("/other").assert_problem(503, "bulkhead-full");
    for round in 0..3 {
        let text = format!("frame {round}");
        client.send(&text);
        assert_eq!(connection.take(text.len()).unwrap(), text.as_bytes());
        connection.send(&text);
        assert_eq!(client.take(text.len()).unwrap(), text.as_bytes());
    }
    // Either side may end first; the other still speaks.
    client.finish();
    assert_eq!(connection.ended(), End::Closed);
    connection.send("last words");
    drop(connection);
    assert_eq!(client.rest(), (b"last words".to_vec(), End::Closed));
    drop(client);
    gateway.until_metric("plimsoll_connections", &[], 1);
    other.send("GET /other HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut next = origin.accept();
    next.expect_request();
    next.respond("ok");
    assert_eq!(other.response().text(), "ok");
    let bytes = |direction| gateway.metric("plimsoll_tunnel_bytes_total", &[direction]);
    assert_eq!((bytes("\"to-endpoint\""), bytes("\"to-client\"")), (21, 5 + 21 + 10));
    assert_eq!(gateway.metric("plimsoll_tunnels_ended_total", &["reason=\"closed\""]), 1);
}

/// Waits until no tunnel is left, and says whether the last one ended so.
#[track_caller]
fn ended(gateway: &Running, reason: &str) {
    gateway.until_metric("plimsoll_tunnels_ended_total", &[&format!("reason=\"{reason}\"")], 1);
    gateway.until_metric("plimsoll_tunnels", &[], 0);
    gateway.until_metric("plimsoll_requests_in_flight", &[], 0);
}

#[test]
fn a_tunnel_is_counted_while_it_is_open() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let (client, connection) = tunnel(&gateway, &origin);
    gateway.until_metric("plimsoll_tunnels", &["route=\"r\"", "upstream=\"origin\""], 1);
    assert_eq!(gateway.metric("plimsoll_requests_in_flight", &[]), 1);
    drop((client, connection));
    ended(&gateway, "closed");
}

#[test]
fn a_tunnel_that_carries_nothing_is_closed() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).top("tunnels = { idle-time = \"50ms\" }").start();
    let (mut client, mut connection) = tunnel(&gateway, &origin);
    assert_eq!((client.ended(), connection.ended()), (End::Closed, End::Closed));
    ended(&gateway, "idle");
}

/// One side has ended, and the other never does.
#[test]
fn half_a_tunnel_that_carries_nothing_is_closed_as_well() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).top("tunnels = { idle-time = \"50ms\" }").start();
    let (mut client, mut connection) = tunnel(&gateway, &origin);
    client.finish();
    assert_eq!((connection.ended(), client.ended()), (End::Closed, End::Closed));
    ended(&gateway, "idle");
}

#[test]
fn a_client_that_takes_nothing_ends_its_tunnel() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).limits("write-time = \"100ms\"").start();
    let (_client, mut connection) = tunnel(&gateway, &origin);
    let mut sent: u64 = 0;
    while connection.try_send(FILLING).is_ok() {
        sent += FILLING.len() as u64;
    }
    assert!(sent < 100_000_000, "{sent} bytes for a client that takes none");
    ended(&gateway, "stalled");
}

#[test]
fn an_endpoint_that_takes_nothing_ends_its_tunnel() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).limits("write-time = \"100ms\"").start();
    let (mut client, _connection) = tunnel(&gateway, &origin);
    while client.try_send(FILLING).is_ok() {}
    ended(&gateway, "stalled");
}

#[test]
fn a_tunnel_breaks_with_either_side() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let (client, mut connection) = tunnel(&gateway, &origin);
    client.into_wire().reset();
    connection.rest();
    let (mut client, connection) = tunnel(&gateway, &origin);
    connection.reset();
    client.rest();
}

#[test]
fn what_a_client_sends_ahead_goes_through_the_tunnel() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send(format!("{WEBSOCKET}eager"));
    let mut connection = origin.accept();
    connection.expect_request();
    connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(connection.take(5).unwrap(), b"eager");
    assert_eq!(client.head().unwrap().status(), 101);
}

#[test]
fn a_refused_upgrade_is_a_response_like_any_other() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send(WEBSOCKET);
    let mut connection = origin.accept();
    connection.expect_request();
    connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!(
        (client.response().status(), client.get_by(&mut connection, "/next")),
        (403, "/next".to_owned())
    );
}

#[test]
fn a_switch_that_nobody_asked_for_is_no_response() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n");
    let mut connection = origin.accept();
    assert_eq!(connection.expect_request().field("upgrade"), None);
    connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    client.response().assert_problem(502, "upstream-broken");
    connection.rest();
}

/// An endpoint that agreed to HTTP/2 would serve the client past every route and policy.
#[test]
fn http2_is_no_protocol_to_tunnel() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    for offer in ["h2c", "H2C, websocket", "h2c/2.0"] {
        let mut client = gateway.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {offer}\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"));
        let mut connection = origin.accept();
        let request = connection.expect_request();
        assert_eq!((request.field("upgrade"), request.field("http2-settings")), (None, None), "{offer}");
        connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.response().status(), 200);
    }
}

#[test]
fn a_drain_gives_tunnels_a_time_of_their_own() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).top("tunnels = { drain-time = \"50ms\" }").start();
    let (mut client, mut connection) = tunnel(&gateway, &origin);
    // Nothing had to be cut off, long before the drain's own time was over.
    assert_eq!(gateway.drain(Duration::from_secs(30)), 0);
    assert_eq!((client.ended(), connection.ended()), (End::Closed, End::Closed));
}

#[test]
fn a_drain_ends_a_tunnel_when_its_time_is_over() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let (mut client, mut connection) = tunnel(&gateway, &origin);
    assert_eq!(gateway.drain(Duration::from_millis(50)), 1);
    client.rest();
    connection.rest();
}
