//! Bodies, trailers and interim responses on their way, both ways.

use crate::support::{End, FILLING, Origin, Setup};

#[test]
fn bodies_pass_both_ways_in_either_framing() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    let mut connection = origin.accept();
    let request = connection.expect_request();
    assert_eq!((request.field("content-length"), &*request.body), (Some("5"), &b"hello"[..]));
    connection
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwor\r\n2;x=y\r\nld\r\n0\r\n\r\n");
    let response = client.response();
    assert_eq!((response.text(), response.field("transfer-encoding")), ("world", Some("chunked")));

    client.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let head = connection.head().unwrap();
    assert_eq!((head.field("transfer-encoding"), head.field("content-length")), (Some("chunked"), None));
    // Each piece is passed on when it comes, not when the body is whole.
    for piece in ["a", "bc", "def"] {
        client.send(format!("{:x}\r\n{piece}\r\n", piece.len()));
        assert_eq!(connection.take_to(b"\r\n").unwrap(), format!("{:x}\r\n", piece.len()).as_bytes());
        assert_eq!(connection.take(piece.len() + 2).unwrap(), format!("{piece}\r\n").as_bytes());
    }
    client.send("0\r\n\r\n");
    assert_eq!(connection.take(5).unwrap(), b"0\r\n\r\n");
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
    assert_eq!(client.head().unwrap().field("content-length"), Some("6"));
    assert_eq!(client.take(3).unwrap(), b"abc");
    connection.send("def");
    assert_eq!(client.take(3).unwrap(), b"def");
}

#[test]
fn trailers_pass_both_ways_except_those_that_would_change_the_message() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    let trailers = "x-sum: 1\r\nContent-Length: 7\r\nHost: b\r\nTransfer-Encoding: gzip\r\nAuthorization: x\r\nx-sum: 2\r\n";
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nTE: trailers, deflate\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n{trailers}\r\n"));
    let mut connection = origin.accept();
    let request = connection.expect_request();
    let kept = [("x-sum".to_owned(), "1".to_owned()), ("x-sum".to_owned(), "2".to_owned())];
    assert_eq!(request.trailers, kept);
    assert_eq!((request.field("te"), request.field("connection")), (Some("trailers"), Some("te")));
    connection.send(format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n1\r\nb\r\n0\r\n{trailers}\r\n"
    ));
    let response = client.response();
    assert_eq!((response.text(), &*response.trailers), ("b", &kept[..]));
    assert_eq!(response.field("trailer"), Some("x-sum"));
}

#[test]
fn a_response_that_ends_with_its_connection_is_passed_on_in_chunks() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    for version in ["1.1", "1.0"] {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut connection = origin.accept();
        connection.expect_request();
        connection.send(format!("HTTP/{version} 200 OK\r\n\r\npart one"));
        let head = client.head().unwrap();
        assert_eq!((head.field("transfer-encoding"), head.field("connection")), (Some("chunked"), None));
        assert_eq!(client.take(3 + 8 + 2).unwrap(), b"8\r\npart one\r\n");
        connection.send(", two");
        assert_eq!(client.take(3 + 5 + 2).unwrap(), b"5\r\n, two\r\n");
        drop(connection);
        assert_eq!(client.take(5).unwrap(), b"0\r\n\r\n");
    }
}

#[test]
fn a_client_that_waits_to_be_asked_is_asked_when_its_body_is_wanted() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(client.interim().status(), 100);
    client.send("body");
    let mut connection = origin.accept();
    let request = connection.expect_request();
    assert_eq!((request.field("expect"), &*request.body), (None, &b"body"[..]));
    // The origin may say it once more: nobody waits for it any longer.
    connection.send("HTTP/1.1 100 Continue\r\n\r\n");
    connection.respond("done");
    let head = client.head().unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(client.take(4).unwrap(), b"done");
}

#[test]
fn a_client_that_waits_to_be_asked_is_refused_before_it_sends() {
    let origin = Origin::responding("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Setup::to(&origin).policy(r#"rate-limit = { rate = "1/h", burst = 1 }"#).start();
    assert_eq!(gateway.client().get("/").status(), 200);
    let mut client = gateway.client();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    // No 100 before it, and no next request behind a body that may or may not come.
    let head = client.head().unwrap();
    assert_eq!((head.status(), head.field("connection")), (429, Some("close")));
    assert_eq!(origin.requests(), 1);
}

#[test]
fn interim_responses_are_passed_on() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    connection.send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x-gone\r\nX-Gone: 1\r\n\r\n");
    assert_eq!(client.interim().status(), 102);
    let hints = client.interim();
    assert_eq!((hints.status(), hints.field("link"), hints.field("x-gone")), (103, Some("</a.css>"), None));
    // 100 is for a client that waits for it, and this one does not.
    connection.send("HTTP/1.1 100 Continue\r\n\r\n");
    connection.respond("ok");
    assert_eq!(client.head().unwrap().status(), 200);
    assert_eq!(client.take(2).unwrap(), b"ok");

    // HTTP/1.0 does not know them.
    let mut old = gateway.client();
    old.send("GET / HTTP/1.0\r\n\r\n");
    let mut connection =
        std::iter::once(connection).chain(std::iter::from_fn(|| origin.try_accept())).next().unwrap();
    connection.expect_request();
    connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
    connection.respond("ok");
    assert_eq!(old.head().unwrap().status(), 200);
    assert_eq!(old.take(2).unwrap(), b"ok");
    assert_eq!(old.ended(), End::Closed);
}

#[test]
fn a_response_may_come_while_the_body_is_still_sent() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    let mut connection = origin.accept();
    connection.take_to(b"1\r\na\r\n").unwrap();
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    assert_eq!(client.head().unwrap().status(), 200);
    assert_eq!(client.take_to(b"one\r\n").unwrap(), b"3\r\none\r\n");
    // The rest of the body goes on beside the rest of the response.
    client.send("1\r\nb\r\n");
    assert_eq!(connection.take(6).unwrap(), b"1\r\nb\r\n");
    connection.send("3\r\ntwo\r\n");
    assert_eq!(client.take(8).unwrap(), b"3\r\ntwo\r\n");
    client.send("0\r\n\r\n");
    assert_eq!(connection.take(5).unwrap(), b"0\r\n\r\n");
    connection.send("0\r\n\r\n");
    assert_eq!(client.take(5).unwrap(), b"0\r\n\r\n");
    // Both connections are fit for more.
    client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.expect_request().target(), "/next");
}

/// An origin that refuses an upload responds, closes, and may reset what is still on its way to it.
#[test]
fn a_refusal_during_the_upload_reaches_the_client() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nfirst bytes");
    let mut connection = origin.accept();
    connection.take_to(b"first bytes").unwrap();
    connection.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig");
    connection.finish();
    let response = client.response();
    assert_eq!((response.status(), response.text()), (413, "big"));
    drop(connection);
    // What the client still sends has nowhere to go: the connection ends.
    while client.try_send(FILLING).is_ok() {}
}
