//! Kept connections that an endpoint is about to give up.

use crate::support::{Origin, Running, Setup, Wire};

const WAITED_TOO_LONG: &str =
    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlate";

/// A gateway with one kept connection to its only endpoint, over which a request has gone.
fn kept(origin: &Origin) -> (Running, Wire) {
    let gateway = Setup::to(origin)
        .policy("breaker = { consecutive-failures = 1, open = \"60s\" }")
        .upstream("ejection = \"off\"")
        .start();
    let mut client = gateway.client();
    client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    connection.respond("ok");
    assert_eq!(client.response().text(), "ok");
    (gateway, connection)
}

/// The endpoint's limit for an idle connection has crossed the next request: as if it had closed without a word.
#[test]
fn a_408_on_a_kept_connection_is_a_stale_connection() {
    let origin = Origin::by_hand();
    let (gateway, mut old) = kept(&origin);
    let mut client = gateway.client();
    client.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(old.expect_request().target(), "/second");
    old.send(WAITED_TOO_LONG);
    let mut new = origin.accept();
    assert_eq!(new.expect_request().target(), "/second");
    new.respond("ok");
    let response = client.response();
    assert_eq!((response.status(), response.text()), (200, "ok"));
    assert_eq!(client.get_by(&mut new, "/third"), "/third", "the old connection is not used again");
    assert_eq!(origin.connections(), 2);
    let successes = gateway.metric("plimsoll_endpoint_attempts_total", &["outcome=\"success\""]);
    assert_eq!((successes, gateway.metric("plimsoll_endpoint_attempts_total", &[])), (3, 3), "nobody failed");
}

/// A request that may have been served must not be sent again.
#[test]
fn a_408_to_what_may_not_be_repeated_is_the_response() {
    let origin = Origin::by_hand();
    let (gateway, mut old) = kept(&origin);
    let mut client = gateway.client();
    client.send("POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    old.expect_request();
    old.send(WAITED_TOO_LONG);
    let response = client.response();
    assert_eq!((response.status(), response.text()), (408, "late"));
    assert_eq!(origin.connections(), 1);
}

/// On a new connection nothing was waited for: the endpoint means this request.
#[test]
fn a_408_on_a_new_connection_is_the_response() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    connection.send(WAITED_TOO_LONG);
    assert_eq!(client.response().status(), 408);
    assert_eq!(origin.connections(), 1);
}
