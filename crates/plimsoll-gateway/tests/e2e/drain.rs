//! The end: what is under way is finished, what is idle is closed, nothing new is taken.

use crate::support::{End, Origin, Setup, until};
use std::{net::TcpStream, time::Duration};

#[test]
fn a_slow_request_is_finished_and_idle_connections_are_closed() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let address = gateway.address;
    let mut idle = gateway.client();
    let mut used = gateway.client();
    used.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    connection.respond("ok");
    used.response();
    let mut slow = gateway.client();
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    connection.expect_request();
    let mut sending = gateway.client();
    sending.send("POST /sending HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo");
    let mut second = origin.accept();
    second.take_to(b"\r\n\r\nbo").unwrap();

    let draining = std::thread::spawn(move || gateway.drain(Duration::from_secs(20)));
    assert_eq!((idle.ended(), used.ended()), (End::Closed, End::Closed));
    until("no new connection is taken", || TcpStream::connect(address).is_err().then_some(()));
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl");
    assert_eq!(slow.head().unwrap().field("connection"), Some("close"));
    connection.send("ow");
    assert_eq!(slow.rest(), (b"slow".to_vec(), End::Closed));
    sending.send("dy");
    second.take(2).unwrap();
    second.respond("ok");
    let response = sending.response();
    assert_eq!((response.text(), response.field("connection")), ("ok", Some("close")));
    assert_eq!(sending.ended(), End::Closed);
    assert_eq!(draining.join().unwrap(), 0, "nothing had to be cut off");
}

#[test]
fn what_takes_too_long_is_cut_off() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).workers(2).start();
    let mut clients = [gateway.client(), gateway.client(), gateway.client()];
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let mut connections = [origin.accept(), origin.accept(), origin.accept()];
    for connection in &mut connections {
        connection.expect_request();
    }
    assert_eq!(gateway.drain(Duration::from_millis(50)), 3);
    for client in &mut clients {
        assert_eq!(client.rest().0, b"");
    }
    for connection in &mut connections {
        connection.rest();
    }
}

#[test]
fn a_gateway_that_is_dropped_stops() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let address = gateway.address;
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    drop(gateway);
    client.rest();
    connection.rest();
    until("the port is free", || TcpStream::connect(address).is_err().then_some(()));
}

#[test]
fn a_reload_drops_no_connection_and_keeps_state() {
    let (old, new) =
        (Origin::by_hand(), Origin::responding("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew"));
    let setup = Setup::to(&old).policy(r#"rate-limit = { rate = "1/h", burst = 3 }"#);
    let gateway = setup.start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = old.accept();
    connection.expect_request();
    // The same policy on the same upstream, which now lives elsewhere; the listener's address is asked for as before.
    let moved = Setup::to(&new).policy(r#"rate-limit = { rate = "1/h", burst = 3 }"#);
    gateway.gateway.reload(moved.spec()).unwrap();
    assert_eq!(gateway.gateway.addresses(), [gateway.address]);
    connection.respond("old");
    assert_eq!(client.response().text(), "old");
    assert_eq!(client.get("/").text(), "new");
    assert_eq!(gateway.client().get("/").text(), "new");
    client.get("/").assert_problem(429, "rate-limited");
    // The pool of an endpoint that is gone goes too.
    connection.rest();
}
