//! Requests that are malformed, or that two readers could read in two ways: refused, never forwarded.

use crate::{
    corpus,
    support::{End, Origin, Setup, until},
};

/// A request that would reach the origin if the end of the refused one were misjudged.
const SMUGGLED: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// The status and the problem's kind of a refusal of this name.
fn expected(reason: &str) -> (u16, &'static str) {
    match reason {
        "body-too-large" => (413, "body-too-large"),
        "target-too-long" => (414, "uri-too-long"),
        "head-too-large" | "too-many-fields" | "trailer-too-large" => (431, "head-too-large"),
        "expectation-unknown" => (417, "expectation-failed"),
        "transfer-unknown" | "connect-unsupported" => (501, "not-implemented"),
        "version" => (505, "version-not-supported"),
        _ => (400, "bad-request"),
    }
}

/// Whether only the body is wrong: by then the head may have been sent on, and the origin must see it break off.
fn is_of_the_body(reason: &str) -> bool {
    reason.starts_with("chunk-") || reason.starts_with("trailer") || reason == "truncated"
}

#[test]
fn none_of_the_corpus_is_forwarded() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let corpus = corpus::requests();
    let of_heads: Vec<_> = corpus.iter().filter(|entry| !is_of_the_body(entry.reason)).collect();
    assert!(of_heads.len() >= 90, "{}", of_heads.len());
    for entry in of_heads {
        let reason = format!("reason=\"{}\"", entry.reason);
        let refused = || gateway.metric("plimsoll_refused_requests_total", &[&reason]);
        let before = refused();
        let mut client = gateway.client();
        // The gateway may respond and close before all of it has been taken.
        let _ = client.try_send(&entry.bytes);
        let _ = client.try_send(SMUGGLED);
        if entry.reason == "not-http" {
            assert_eq!(client.rest().0, b"", "{}", entry.name);
            assert_eq!(refused() - before, 1, "{}", entry.name);
            continue;
        }
        let (status, kind) = expected(entry.reason);
        let response = client.response();
        assert_eq!((response.status(), response.problem().as_str()), (status, kind), "{}", entry.name);
        assert_eq!(response.field("connection"), Some("close"), "{}", entry.name);
        client.finish();
        client.ended();
        assert_eq!(refused() - before, 1, "{}", entry.name);
    }
    assert_eq!((origin.connections(), origin.log().len()), (0, 0));
}

#[test]
fn no_body_of_the_corpus_is_passed_on_as_whole() {
    let corpus = corpus::requests();
    let of_bodies: Vec<_> = corpus.iter().filter(|entry| is_of_the_body(entry.reason)).collect();
    assert!(of_bodies.len() >= 25, "{}", of_bodies.len());
    for entry in of_bodies {
        let origin = Origin::by_hand();
        let gateway = Setup::to(&origin).start();
        let mut client = gateway.client();
        client.send(&entry.bytes);
        if entry.reason == "truncated" {
            client.finish();
        } else {
            let _ = client.try_send(SMUGGLED);
        }
        if let Ok(response) = client.try_response("POST") {
            let (status, kind) = expected(entry.reason);
            assert_eq!((response.status(), response.problem().as_str()), (status, kind), "{}", entry.name);
            client.finish();
            client.ended();
            assert_eq!(gateway.metric("plimsoll_problems_total", &[kind]), 1, "{}", entry.name);
        } else {
            // Only a client that has ended its side goes without a response.
            assert_eq!(entry.reason, "truncated", "{}", entry.name);
        }
        // Whatever has reached the origin is no whole request, and nothing comes behind it.
        drop(client);
        gateway.drain(std::time::Duration::ZERO);
        if let Some(mut connection) = origin.try_accept() {
            assert!(connection.request().is_err(), "{}", entry.name);
        }
        assert!(!String::from_utf8_lossy(&origin.log()).contains("/smuggled"), "{}", entry.name);
    }
}

/// An odd request with a single reading: exactly that reading is forwarded.
#[test]
fn what_has_one_reading_is_sent_on_in_that_reading() {
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let cases: Vec<(String, &str, &str, &[u8])> = vec![
        ("\r\nGET /empty-line HTTP/1.1\r\nHost: a\r\n\r\n".into(), "GET", "/empty-line", b""),
        (format!("POST /upper HTTP/1.1\r\nHost: a\r\n{}", chunked.to_uppercase()) + "3\r\nabc\r\n0\r\n\r\n", "POST", "/upper", b"abc"),
        (format!("POST /extension HTTP/1.1\r\nHost: a\r\n{chunked}3;a=\"b\";c\r\nabc\r\n0;d\r\n\r\n"), "POST", "/extension", b"abc"),
        (format!("POST /hex HTTP/1.1\r\nHost: a\r\n{chunked}00A\r\n0123456789\r\n0\r\n\r\n"), "POST", "/hex", b"0123456789"),
        (format!("POST /inner HTTP/1.1\r\nHost: a\r\n{chunked}7\r\n0\r\n\r\nGE\r\n0\r\n\r\n"), "POST", "/inner", b"0\r\n\r\nGE"),
        ("POST /zeros HTTP/1.1\r\nHost: a\r\nContent-Length: 0003\r\n\r\nabc".into(), "POST", "/zeros", b"abc"),
        ("GET /body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".into(), "GET", "/body", b"abc"),
        ("GET http://A:80/absolute HTTP/1.1\r\nHost: a\r\n\r\n".into(), "GET", "/absolute", b""),
        ("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n".into(), "GET", "/", b""),
        ("GET http://a?b=/../c HTTP/1.1\r\nHost: a\r\n\r\n".into(), "GET", "/?b=/../c", b""),
        ("GET /tab HTTP/1.1\r\nHost:\ta\t\r\n\r\n".into(), "GET", "/tab", b""),
        ("BREW /method HTTP/1.1\r\nHost: a\r\n\r\n".into(), "BREW", "/method", b""),
        ("GET //double//slash HTTP/1.1\r\nHost: a\r\n\r\n".into(), "GET", "/double/slash", b""),
        ("POST /cookie HTTP/1.1\r\nHost: a\r\nConnection: content-length, host\r\nContent-Length: 2\r\n\r\nok".into(), "POST", "/cookie", b"ok"),
    ];
    let origin = Origin::serving(|request, wire| {
        wire.respond(&format!("{} {}", request.method(), request.target()));
        Ok(())
    });
    let gateway = Setup::to(&origin).start();
    for (bytes, method, target, body) in cases {
        let recorded = Origin::by_hand();
        let recording = Setup::to(&recorded).start();
        let mut client = recording.client();
        client.send(&bytes);
        let mut connection = recorded.accept();
        let request = connection.expect_request();
        assert_eq!((request.method(), request.target(), &*request.body), (method, target, body), "{bytes:?}");
        assert_eq!(request.field("host"), Some("a"), "{bytes:?}");
        // And the next request begins where this one ended.
        client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        connection.respond("1");
        assert_eq!(client.response().text(), "1");
        assert_eq!(connection.expect_request().target(), "/next");
        // Byte by byte it is the same request.
        let mut client = gateway.client();
        for byte in bytes.as_bytes() {
            client.send([*byte]);
        }
        assert_eq!(client.response().text(), format!("{method} {target}"), "{bytes:?}");
    }
}

#[test]
fn a_refused_request_ends_its_connection_and_no_other() {
    let origin = Origin::responding("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Setup::to(&origin).start();
    let mut neighbour = gateway.client();
    assert_eq!(neighbour.get("/").text(), "ok");
    let mut client = gateway.client();
    assert_eq!(client.get("/").text(), "ok");
    client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    client.response().assert_problem(400, "bad-request");
    assert_eq!(client.ended(), End::Closed);
    assert_eq!(neighbour.get("/").text(), "ok");
    until("both requests are counted", || {
        (gateway.metric("plimsoll_requests_total", &["route=\"r\"", "code=\"2xx\""]) == 3).then_some(())
    });
}
