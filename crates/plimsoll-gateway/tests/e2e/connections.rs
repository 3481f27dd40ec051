//! Connections: kept, pipelined, ended; HTTP/1.0; what a message's methods and statuses say of its body.

use crate::support::{End, Origin, Setup, until};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn connections_are_kept_on_both_sides() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    for _ in 0..5 {
        let response = client.get("/");
        assert_eq!((response.status(), response.text(), response.field("connection")), (200, "ok", None));
    }
    assert_eq!(origin.connections(), 1);
    assert_eq!(gateway.metric("plimsoll_connections", &[]), 1);
    assert_eq!(gateway.metric("plimsoll_upstream_idle_connections", &[]), 1);
    drop(client);
    gateway.until_metric("plimsoll_connections", &[], 0);
    // Another client's request takes the kept connection.
    assert_eq!(gateway.client().get("/").text(), "ok");
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_client_that_asks_for_it_is_closed() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    let response = client.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Close\r\n\r\n");
    assert_eq!(response.field("connection"), Some("close"));
    assert_eq!(client.ended(), End::Closed);
    // The origin's connection is another matter.
    assert_eq!(gateway.client().get("/").text(), "ok");
    assert_eq!(origin.connections(), 1);
}

#[test]
fn an_origin_that_closes_is_connected_to_again() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut connection = origin.accept();
        connection.expect_request();
        connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        let response = client.response();
        // Closing one hop says nothing about the other.
        assert_eq!((response.text(), response.field("connection")), ("ok", None));
        assert_eq!(connection.ended(), End::Closed);
    }
}

#[test]
fn pipelined_requests_get_responses_in_order() {
    let origin = Origin::serving(|request, wire| {
        wire.respond(&format!("{} {}", request.target(), String::from_utf8_lossy(&request.body)));
        Ok(())
    });
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send(
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none\
         POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r\n\
         GET /3 HTTP/1.1\r\nHost: a\r\n\r\n\
         HEAD /4 HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\
         GET /never HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let texts: Vec<String> = (0..3).map(|_| client.response().text().to_owned()).collect();
    assert_eq!(texts, ["/1 one", "/2 two", "/3 "]);
    assert_eq!(client.response_to("HEAD").field("content-length"), Some("3"));
    assert_eq!(client.response().text(), "/5 ");
    client.ended();
    assert!(!String::from_utf8_lossy(&origin.log()).contains("/never"));
}

#[test]
fn http_1_0_gets_what_it_asks_for() {
    let origin = Origin::serving(|request, wire| {
        match request.target() {
            "/length" => wire.respond("ok"),
            "/trailers" => wire.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n",
            ),
            _ => {
                wire.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok");
                return Err(End::Closed);
            }
        }
        Ok(())
    });
    let gateway = Setup::to(&origin).start();
    // Without a word the connection ends with the response, and there are no chunks.
    for target in ["/length", "/trailers", "/until-close"] {
        let mut client = gateway.client();
        let response = client.ask(format!("GET {target} HTTP/1.0\r\n\r\n"));
        assert_eq!((response.text(), response.field("connection")), ("ok", Some("close")), "{target}");
        assert_eq!(response.field("transfer-encoding"), None, "{target}");
        assert_eq!(client.ended(), End::Closed, "{target}");
    }
    // Kept where that was asked for and the length is known.
    let mut client = gateway.client();
    for _ in 0..2 {
        let response = client.ask("GET /length HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!((response.text(), response.field("connection")), ("ok", Some("keep-alive")));
    }
    let response = client.ask("GET /trailers HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!((response.text(), response.field("connection")), ("ok", Some("close")));
    client.ended();
    // The request on the other side is HTTP/1.1 all the same, and says where it came through.
    let log = String::from_utf8(origin.log()).unwrap();
    assert!(!log.contains("HTTP/1.0") && log.contains("via: 1.0 plimsoll"), "{log}");
}

#[test]
fn responses_without_bodies_have_none() {
    let origin = Origin::serving(|request, wire| {
        wire.send(match (request.method(), request.target()) {
            ("HEAD", "/chunked") => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            ("HEAD", "/none") => "HTTP/1.1 200 OK\r\n\r\n",
            ("HEAD", _) => "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\nETag: \"e\"\r\n\r\n",
            (_, "/204") => "HTTP/1.1 204 No Content\r\n\r\n",
            (_, "/304") => "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"e\"\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        });
        Ok(())
    });
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    let mut ask = |method: &str, target: &str| {
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        client.response_to(method)
    };
    let head = ask("HEAD", "/large");
    assert_eq!((head.field("content-length"), head.field("etag")), (Some("5000000000"), Some("\"e\"")));
    assert_eq!(ask("HEAD", "/chunked").field("content-length"), None);
    assert_eq!(ask("HEAD", "/none").field("content-length"), None);
    let none = ask("GET", "/204");
    assert_eq!(
        (none.status(), none.field("content-length"), none.field("transfer-encoding")),
        (204, None, None)
    );
    let unchanged = ask("GET", "/304");
    assert_eq!((unchanged.status(), unchanged.field("etag")), (304, Some("\"e\"")));
    assert_eq!(ask("GET", "/empty").field("content-length"), Some("0"));
    // All on one connection each: nobody waited for a body that did not come.
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_kept_connection_that_the_origin_has_closed_is_not_used() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut first = origin.accept();
    first.expect_request();
    first.respond("1");
    client.response();
    drop(first);
    // The sweep finds it; a request may not be the first to notice.
    gateway.until_metric("plimsoll_upstream_idle_connections", &[], 0);
    client.send("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    let mut second = origin.accept();
    assert_eq!(second.expect_request().target(), "/2");
    second.respond("2");
    assert_eq!(client.response().text(), "2");
}

/// The origin closes just as the request arrives: nobody's failure, so it does not even count as a retry.
#[test]
fn a_kept_connection_that_closes_when_used_is_replaced() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut first = origin.accept();
    first.expect_request();
    first.respond("1");
    client.response();
    client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    first.expect_request();
    drop(first);
    let mut second = origin.accept();
    assert_eq!(second.expect_request().target(), "/2");
    second.respond("2");
    assert_eq!(client.response().text(), "2");
    // A request that must not be sent twice is not.
    client.send("POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    second.expect_request();
    drop(second);
    client.response().assert_problem(502, "upstream-broken");
    assert!(origin.try_accept().is_none());
}

#[test]
fn kept_connections_are_bounded_and_grow_old() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).upstream(r#"pool = { idle = 1, idle-time = "50ms" }"#).start();
    let mut clients: Vec<_> = (0..3).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let mut connections: Vec<_> = (0..3).map(|_| origin.accept()).collect();
    for connection in &mut connections {
        connection.expect_request();
        connection.respond("ok");
    }
    for client in &mut clients {
        assert_eq!(client.response().text(), "ok");
    }
    // Two are closed since one is kept, the third when its time is over.
    for mut connection in connections {
        assert_eq!(connection.ended(), End::Closed);
    }
    gateway.until_metric("plimsoll_upstream_idle_connections", &[], 0);
}

#[test]
fn every_worker_serves() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).workers(3).start();
    // The kernel spreads connections over the workers' sockets; with enough of them every worker has its own pool.
    until("each worker has connected", || {
        assert_eq!(gateway.client().get("/").text(), "ok");
        (origin.connections() == 3).then_some(())
    });
}
