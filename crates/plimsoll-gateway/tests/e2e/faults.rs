//! Origins that fail, each in its own way: a clean problem before the response's first byte, a broken connection after it,
//! and never a short body passed on as whole.

use crate::support::{Client, End, Framing, Head, Origin, Setup, Wire, refused_address};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A fault of the origin that must give this problem.
#[track_caller]
fn fails_before_the_response(status: u16, kind: &str, behave: impl FnOnce(&mut Client, Wire)) {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin)
        .policy(r#"timeout = { connect = "15s", first-byte = "150ms", attempt = "15s", idle = "15s", total = "15s" }"#)
        .start();
    let mut client = gateway.client();
    client.send(GET);
    let mut connection = origin.accept();
    connection.expect_request();
    behave(&mut client, connection);
    client.response().assert_problem(status, kind);
    assert_eq!(gateway.metric("plimsoll_problems_total", &[kind]), 1);
    // The client's connection is fit for its next request.
    client.send(GET);
    let mut connection = origin.accept();
    connection.expect_request();
    connection.respond("ok");
    assert_eq!(client.response().text(), "ok");
}

/// Sends these bytes as a response: they must be refused, and the connection they came on closed.
#[track_caller]
fn garbage(bytes: impl AsRef<[u8]>) {
    not_taken("upstream-broken", bytes);
}

/// The same of a response that may be sound, only larger than is taken.
#[track_caller]
fn too_large(bytes: impl AsRef<[u8]>) {
    not_taken("upstream-head-too-large", bytes);
}

#[track_caller]
fn not_taken(kind: &str, bytes: impl AsRef<[u8]>) {
    fails_before_the_response(502, kind, |_, mut connection| {
        // The gateway may have closed before all of it is sent.
        let _ = connection.try_send(bytes);
        connection.rest();
    });
}

#[test]
fn refused() {
    let gateway = Setup::to_addresses([refused_address()]).start();
    let mut client = gateway.client();
    client.get("/").assert_problem(502, "upstream-unreachable");
    client
        .ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        .assert_problem(502, "upstream-unreachable");
    assert_eq!(gateway.metric("plimsoll_upstream_connects_total", &["result=\"failed\""]), 2);
}

#[test]
fn closed_or_reset_before_the_response() {
    fails_before_the_response(502, "upstream-broken", |_, connection| drop(connection));
    fails_before_the_response(502, "upstream-broken", |_, connection| connection.reset());
}

#[test]
fn closed_or_reset_within_the_head() {
    fails_before_the_response(502, "upstream-broken", |_, mut connection| {
        connection.send("HTTP/1.1 200 OK\r\nContent-Le");
    });
    fails_before_the_response(502, "upstream-broken", |_, mut connection| {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n");
        connection.reset();
    });
    fails_before_the_response(502, "upstream-broken", |client, mut connection| {
        connection.send("HTTP/1.1 103 Early Hints\r\n\r\n");
        assert_eq!(client.interim().status(), 103);
    });
}

#[test]
fn silent() {
    fails_before_the_response(504, "attempt-timeout", |client, mut connection| {
        assert_eq!(connection.rest().0, b"", "given up");
        let _ = client;
    });
    fails_before_the_response(504, "attempt-timeout", |_, mut connection| {
        connection.send("HTTP/1.1 200 OK\r\nContent-Le");
        connection.rest();
    });
}

#[test]
fn garbage_of_every_kind() {
    garbage("hello\r\n\r\n");
    garbage("\x16\x03\x01\x02\0\x01\0\x01\n\n");
    garbage([vec![0xFF; 30_000], b"\n\n".to_vec()].concat());
    garbage("HTTP/1.1 200 OK\nContent-Length: 2\n\nok");
    garbage("HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok");
    garbage("HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok");
    garbage("HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok");
    garbage("HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nok");
    garbage("HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok");
    garbage("HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 2\r\n\r\nok");
    garbage("HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok");
    garbage("HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok");
}

#[test]
fn framings_that_can_be_read_in_two_ways() {
    garbage("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    garbage("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    garbage("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok");
    garbage("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok");
    garbage("HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok");
    garbage("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
    garbage("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok");
    garbage("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
}

#[test]
fn a_head_without_end_and_too_many_fields() {
    too_large(format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(1 << 20)));
    too_large(format!("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok", "X: a\r\n".repeat(300)));
}

#[test]
fn too_many_interim_responses() {
    too_large("HTTP/1.1 102 Processing\r\n\r\n".repeat(1000));
}

/// The origin sends this and closes: the client must be able to tell that it is not the whole, whichever version it
/// speaks. Gives what it has got of the body.
#[track_caller]
fn breaks_off(response: &str, reset: bool) {
    for request in [GET, "GET / HTTP/1.0\r\n\r\n"] {
        let origin = Origin::by_hand();
        let gateway = Setup::to(&origin).start();
        let mut client = gateway.client();
        client.send(request);
        let mut connection = origin.accept();
        connection.expect_request();
        connection.send(response);
        if reset {
            // A reset takes with it what has not been read yet.
            let head = client.head().unwrap();
            assert_eq!(head.status(), 200);
            connection.reset();
            still_broken(&mut client, &head);
        } else {
            drop(connection);
            match client.head() {
                // Seen before any of it was sent.
                Ok(head) if head.status() == 502 => {
                    let mut body = Vec::new();
                    client.body(head.response_framing("GET"), &mut body).expect("a whole problem");
                }
                Ok(head) => still_broken(&mut client, &head),
                Err(end) => panic!("{end:?} without a word"),
            }
        }
        drop(client);
        gateway.until_metric("plimsoll_connections", &[], 0);
    }
}

/// The body of this response breaks off in a way that no client takes for its end.
#[track_caller]
fn still_broken(client: &mut Client, head: &Head) {
    let framing = head.response_framing("GET");
    let end = client.body(framing, &mut Vec::new()).expect_err("a body that breaks off is never whole");
    // Where nothing but the connection's end would end the body, only a reset can tell.
    if framing == Framing::UntilClose {
        assert_eq!(end, End::Reset);
    }
}

#[test]
fn a_response_shorter_than_its_length() {
    breaks_off("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", false);
    breaks_off("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", true);
    breaks_off("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", false);
}

#[test]
fn chunks_that_end_early_or_are_none() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for rest in [
        "",
        "5\r\nsho",
        "5\r\nshort\r\n",
        "5\r\nshort\r\n0\r\n",
        "5\r\nshort\r\n0\r\nx: y\r\n",
        "5\r\nshort\r\nwhat?\r\n",
        "5\r\nlonger\r\n0\r\n\r\n",
        "5\r\nshort\r\n-1\r\n",
        "5\r\nshort\r\n0\r\nx : y\r\n\r\n",
    ] {
        breaks_off(&format!("{head}{rest}"), false);
    }
    breaks_off(&format!("{head}5\r\nshort\r\n"), true);
}

#[test]
fn a_body_that_only_the_connection_ends_and_that_is_reset() {
    breaks_off("HTTP/1.0 200 OK\r\n\r\npart", true);
    breaks_off("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart", true);
}

/// Bytes that an origin sends beyond its response must not become the next response.
#[test]
fn a_response_longer_than_its_length() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send(GET);
    let mut connection = origin.accept();
    connection.expect_request();
    connection.send(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    );
    assert_eq!(client.response().text(), "ok");
    connection.rest();
    client.send(GET);
    let mut next = origin.accept();
    next.expect_request();
    next.respond("good");
    assert_eq!(client.response().text(), "good");
}

/// The same where the surplus comes only once the connection is kept.
#[test]
fn a_response_that_comes_unasked() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send(GET);
    let mut connection = origin.accept();
    connection.expect_request();
    connection.respond("ok");
    assert_eq!(client.response().text(), "ok");
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    gateway.until_metric("plimsoll_upstream_idle_connections", &[], 0);
    connection.rest();
    client.send(GET);
    let mut next = origin.accept();
    next.expect_request();
    next.respond("good");
    assert_eq!(client.response().text(), "good");
}

/// A length where none may be heeded is not taken for one.
#[test]
fn a_body_where_there_is_none_spoils_the_connection_only() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    for (method, response) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
        ("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n"),
    ] {
        client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        let mut connection = origin.accept();
        connection.expect_request();
        connection.send(response);
        assert_eq!(client.response_to(method).body, b"");
        connection.rest();
    }
}
