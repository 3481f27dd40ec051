//! The protocol's requirements of an intermediary: methods for the gateway itself, expectations, interim responses, limits
//! on lists of fields; in HTTP/1.1 and HTTP/2 alike.

use crate::support::{
    Origin, Running, Setup,
    http2::{self, Http2Serving, ask, client, converse, whole},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Asks over HTTP/2: the status, the problem's kind if it is one, and the response's head.
fn over_http2(gateway: &Running, request: Request<()>) -> (u16, Option<String>, HeaderMap) {
    converse(async {
        let mut sender = client(gateway.address).await;
        let (response, _) = ask(&mut sender, request).await;
        let document: Option<serde_json::Value> = serde_json::from_slice(response.body()).ok();
        let kind = document.and_then(|document| {
            document["type"].as_str().and_then(|kind| kind.rsplit(':').next()).map(str::to_owned)
        });
        (response.status().as_u16(), kind, response.headers().clone())
    })
}

#[test]
fn trace_is_refused() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.ask("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").assert_problem(501, "not-implemented");
    let (status, kind, _) = over_http2(&gateway, http2::request("TRACE", "/"));
    assert_eq!((status, kind.as_deref()), (501, Some("not-implemented")));
    assert_eq!(origin.requests(), 0);
}

#[test]
fn options_for_the_server_itself_ends_here() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    let response = client.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((response.status(), response.text()), (200, ""));
    assert!(response.field("allow").is_some_and(|allow| allow.contains("POST")));
    let star = Request::options("http://a/").version(http::Version::HTTP_2).body(()).unwrap();
    assert_eq!(over_http2(&gateway, star).0, 200, "of a path it is sent on");
    assert_eq!(origin.requests(), 1);
}

#[test]
fn max_forwards_is_counted_down_and_ends_here() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    let ask = |value: &str| format!("OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: {value}\r\n\r\n");
    client.send(ask("1"));
    let mut connection = origin.accept();
    assert_eq!(connection.expect_request().field("max-forwards"), Some("0"));
    connection.send(OK);
    assert_eq!(client.response().text(), "ok");
    let response = client.ask(ask("0"));
    assert_eq!((response.status(), response.field("content-length")), (200, Some("0")));
    client.ask(ask("x")).assert_problem(400, "bad-request");
    let mut last = http2::request("OPTIONS", "/x");
    last.headers_mut().insert("max-forwards", HeaderValue::from_static("0"));
    assert_eq!(over_http2(&gateway, last).0, 200);
    // Of other methods it is not asked.
    client.send("GET /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n");
    assert_eq!(connection.expect_request().field("max-forwards"), Some("0"));
}

#[test]
fn an_unknown_expectation_is_told_so() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client
        .ask("GET / HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\n\r\n")
        .assert_problem(417, "expectation-failed");
    let mut request = http2::request("GET", "/");
    request.headers_mut().insert("expect", HeaderValue::from_static("a-miracle"));
    let (status, kind, _) = over_http2(&gateway, request);
    assert_eq!((status, kind.as_deref()), (417, Some("expectation-failed")));
    assert_eq!(origin.requests(), 0);
}

#[test]
fn a_switch_goes_only_to_a_protocol_that_was_offered() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let offer = |protocols: &str| {
        format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {protocols}\r\n\r\n")
    };
    for (offered, switched) in [
        ("websocket", "Upgrade: h2c\r\n"),
        ("websocket", "Upgrade: websocket, h2c\r\n"),
        ("websocket", ""),
        ("a/1, b/2", "Upgrade: a/2\r\n"),
    ] {
        let mut client = gateway.client();
        client.send(offer(offered));
        let mut connection = origin.accept();
        connection.expect_request();
        connection.send(format!("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n{switched}\r\n"));
        client.response().assert_problem(502, "upstream-broken");
        connection.rest();
    }
    let mut client = gateway.client();
    client.send(offer("a/1, WebSocket"));
    let mut connection = origin.accept();
    connection.expect_request();
    connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(client.head().unwrap().status(), 101);
}

#[test]
fn a_hundred_interim_responses_are_passed_on_and_more_are_an_error_that_is_not_retried() {
    let origin = Origin::by_hand();
    let retry = r#"retry = { attempts = 3, backoff = "1ms..2ms", budget = "100%", reserve = 100 }"#;
    let gateway = Setup::to(&origin).policy(retry).start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    let hint = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    for _ in 0..100 {
        connection.send(hint);
        assert_eq!(client.interim().field("link"), Some("</a.css>"));
    }
    connection.send(OK);
    assert_eq!(client.response().text(), "ok");

    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    connection.expect_request();
    let _ = connection.try_send(hint.repeat(101));
    client.response().assert_problem(502, "upstream-head-too-large");
    assert!(origin.try_accept().is_none(), "it is not asked again");

    let gateway = Setup::to(&origin).upstream("answer = { interim = 0 }").start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    connection.send(hint);
    client.response().assert_problem(502, "upstream-head-too-large");
}

#[test]
fn what_is_taken_of_a_responses_head_is_a_setting() {
    let large = |length: usize| {
        format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 2\r\n\r\nok", "a".repeat(length))
    };
    let response = large(3000);
    let origin =
        Origin::serving(move |_, wire| wire.try_send(&response).map_err(|_| crate::support::End::Reset));
    let gateway = Setup::to(&origin).upstream("answer = { head = \"2KiB\" }").start();
    gateway.client().get("/").assert_problem(502, "upstream-head-too-large");
    let gateway = Setup::to(&origin).upstream("answer = { head = \"4KiB\", fields = 1 }").start();
    gateway.client().get("/").assert_problem(502, "upstream-head-too-large");
    let gateway = Setup::to(&origin).upstream("answer = { head = \"4KiB\" }").start();
    assert_eq!(gateway.client().get("/").text(), "ok");

    let origin = Http2Serving::by(|(_, mut respond)| async move {
        let head = Response::builder().header("x", "a".repeat(3000)).body(()).unwrap();
        respond.send_response(head, true).unwrap();
    });
    for (head, status) in [("2KiB", 502), ("4KiB", 200)] {
        let response = format!("protocol = \"h2\"\nanswer = {{ head = \"{head}\" }}");
        let gateway = Setup::to_addresses([origin.address]).upstream(&response).start();
        assert_eq!(gateway.client().get("/").status(), status, "{head}");
    }
}

/// A list that is too long is an error, never cut: gRPC's status stands in it.
#[test]
fn trailers_over_the_limit_are_never_cut_and_passed_on_as_whole() {
    let origin = Http2Serving::by(|(request, mut respond)| async move {
        let early = request.uri().path() == "/early";
        let mut sending = respond.send_response(Response::new(()), false).unwrap();
        if !early {
            sending.send_data(Bytes::from_static(b"part"), false).unwrap();
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("x-large", "a".repeat(20_000).parse().unwrap());
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        sending.send_trailers(trailers).unwrap();
    });
    let to = |response: &str| {
        let upstream = format!("protocol = \"h2\"\n{response}");
        Setup::to_addresses([origin.address]).upstream(&upstream).start()
    };
    let gateway = to("answer = { trailers = \"32KiB\" }");
    converse(async {
        let mut sender = client(gateway.address).await;
        let (_, trailers) = ask(&mut sender, http2::request("GET", "/")).await;
        assert_eq!(trailers.unwrap()["grpc-status"], "0");
    });
    let gateway = to("");
    converse(async {
        let mut sender = client(gateway.address).await;
        let (response, _) = sender.send_request(http2::request("GET", "/"), true).unwrap();
        whole(response).await.expect_err("the stream is reset");
    });
    // Over HTTP/1.1 it is broken off, or told where nothing has been sent yet.
    let mut http1 = gateway.client();
    http1.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    if let Ok(response) = http1.try_response("GET") {
        response.assert_problem(502, "upstream-head-too-large");
    }

    // Over HTTP/1.1: nothing has been sent, so it is told.
    let large =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: {}\r\n\r\n", "a".repeat(2000));
    let origin =
        Origin::serving(move |_, wire| wire.try_send(&large).map_err(|_| crate::support::End::Reset));
    let gateway = Setup::to(&origin).upstream("answer = { trailers = \"1KiB\" }").start();
    gateway.client().get("/").assert_problem(502, "upstream-head-too-large");
    let (status, kind, _) = over_http2(&gateway, http2::request("GET", "/"));
    assert_eq!((status, kind.as_deref()), (502, Some("upstream-head-too-large")));
}

#[test]
fn a_requests_trailers_over_the_limit_are_refused() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).limits("trailers = \"2KiB\"").start();
    let large = "a".repeat(3000);
    let mut http1 = gateway.client();
    http1.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: {large}\r\n\r\n"
    ));
    http1.response().assert_problem(431, "head-too-large");
    converse(async {
        let mut sender = client(gateway.address).await;
        let (response, mut body) = sender.send_request(http2::request("POST", "/"), false).unwrap();
        body.send_data(Bytes::from_static(b"a"), false).unwrap();
        body.send_trailers(HeaderMap::from_iter([(
            http::HeaderName::from_static("x"),
            large.parse().unwrap(),
        )]))
        .unwrap();
        assert_eq!(response.await.unwrap().status(), 431);
    });
    drop(gateway);
    while let Some(mut connection) = origin.try_accept() {
        assert!(connection.request().is_err(), "no endpoint has it whole");
    }
}

/// h2 cuts lists above a limit of its own: whatever is left of one is still seen to be too large.
#[test]
fn trailers_far_over_the_limit_are_not_cut_either() {
    let trailers = |size: usize| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        trailers.insert("x-large", "a".repeat(size).parse().unwrap());
        trailers.insert("x-last", HeaderValue::from_static("1"));
        trailers
    };
    const SIZES: [usize; 7] = [70_000, 130_000, 260_000, 300_000, 500_000, 900_000, 1_300_000];
    let origin = Http2Serving::by(move |(request, mut respond)| async move {
        let size = request.uri().path()[1..].parse().unwrap();
        let Ok(mut sending) = respond.send_response(Response::new(()), false) else { return };
        let _ = sending.send_data(Bytes::from_static(b"part"), false);
        let _ = sending.send_trailers(trailers(size));
    });
    let gateway = Setup::to_addresses([origin.address]).upstream("protocol = \"h2\"").start();
    converse(async {
        for size in SIZES {
            let mut sender = client(gateway.address).await;
            let get = http2::request("GET", &format!("/{size}"));
            let (response, _) = sender.send_request(get, true).unwrap();
            match whole(response).await {
                Err(_) => {}
                Ok((response, _)) => assert_eq!(response.status(), 502, "{size}"),
            }
        }
    });

    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    converse(async {
        for size in SIZES {
            let mut sender = client(gateway.address).await;
            let (response, mut body) = sender.send_request(http2::request("POST", "/"), false).unwrap();
            body.send_data(Bytes::from_static(b"a"), false).unwrap();
            body.send_trailers(trailers(size)).unwrap();
            match response.await {
                Err(_) => {}
                Ok(response) => assert_eq!(response.status(), 431, "{size}"),
            }
        }
    });
    drop(gateway);
    while let Some(mut connection) = origin.try_accept() {
        assert!(connection.request().is_err(), "no endpoint has it whole");
    }
}

#[test]
fn a_head_over_the_limit_is_refused_with_the_same_problem_in_both_protocols() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).limits("head = \"4KiB\"").start();
    let large = "a".repeat(5000);
    let mut client = gateway.client();
    client
        .ask(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {large}\r\n\r\n"))
        .assert_problem(431, "head-too-large");
    let mut request = http2::request("GET", "/");
    request.headers_mut().insert("x", large.parse().unwrap());
    let (status, kind, _) = over_http2(&gateway, request);
    assert_eq!((status, kind.as_deref()), (431, Some("head-too-large")));
    assert_eq!(origin.requests(), 0);
}

/// As in HTTP/1.1: what has broken off before any of it was passed on has a status.
#[test]
fn a_response_that_breaks_off_at_once_has_a_status_over_http2_too() {
    for response in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    ] {
        let origin = Origin::responding(response);
        let gateway = Setup::to(&origin).start();
        gateway.client().get("/").assert_problem(502, "upstream-broken");
        let (status, kind, head) = over_http2(&gateway, http2::request("GET", "/"));
        assert_eq!((status, kind.as_deref()), (502, Some("upstream-broken")));
        assert!(head.contains_key("proxy-status") && !head.contains_key("via"), "{head:?}");
    }
}

#[test]
fn a_value_with_a_blank_at_its_end_is_malformed_in_http2() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).start();
    for value in [" a", "a\t"] {
        let mut request = http2::request("GET", "/");
        request.headers_mut().insert("x", HeaderValue::from_static(value));
        let (status, kind, _) = over_http2(&gateway, request);
        assert_eq!((status, kind.as_deref()), (400, Some("bad-request")));
    }
    assert_eq!(gateway.metric("plimsoll_refused_requests_total", &["reason=\"field-value\""]), 2);
    assert_eq!(origin.requests(), 0);
}

#[test]
fn crumbs_of_cookies_are_one_field_whatever_the_limit() {
    let origin = Origin::serving(|request, wire| {
        wire.respond(request.field("cookie").unwrap_or_default());
        Ok(())
    });
    let gateway = Setup::to(&origin).limits("fields = 5").start();
    converse(async {
        let mut sender = client(gateway.address).await;
        let mut request = http2::request("GET", "/");
        for crumb in ["a=1", "b=2", "c=3", "d=4", "e=5", "f=6"] {
            request.headers_mut().append("cookie", HeaderValue::from_static(crumb));
        }
        let (response, _) = ask(&mut sender, request).await;
        assert_eq!(response.body(), b"a=1; b=2; c=3; d=4; e=5; f=6");
    });
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A list of fields as HPACK has it without tables and without Huffman's code.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).unwrap());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// Decisions of h2 before the gateway sees a request hold alike for route, log and endpoint.
#[test]
fn a_fragment_and_pseudo_headers_among_trailers_reach_nobody() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    let head = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/a?b#c")];
    client.send(
        [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            frame(4, 0, 0, &[]),
            frame(1, 4, 1, &block(&head)),
            frame(0, 0, 1, b"body"),
            frame(1, 5, 1, &block(&[(":path", "/evil"), ("x-sum", "1")])),
        ]
        .concat(),
    );
    let mut connection = origin.accept();
    let request = connection.expect_request();
    assert_eq!((request.target(), &*request.body), ("/a?b", &b"body"[..]));
    assert_eq!(request.trailers, [("x-sum".to_owned(), "1".to_owned())]);
}

/// Pseudo-headers behind fields, repeated, unknown, or missing are malformed: the stream is reset.
#[test]
fn malformed_heads_of_http2_reach_nobody() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).start();
    let (method, scheme, authority, path) =
        ((":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/"));
    for fields in [
        vec![method, scheme, authority, ("x", "1"), path],
        vec![method, scheme, authority, path, (":path", "/b")],
        vec![method, scheme, authority, path, (":status", "200")],
        vec![method, scheme, authority, path, (":odd", "1")],
        vec![method, scheme, authority],
        vec![scheme, authority, path],
        vec![method, scheme, authority, (":path", "")],
        vec![method, scheme, authority, (":path", "a")],
        vec![method, scheme, authority, path, ("X-Upper", "1")],
        vec![method, scheme, authority, path, ("connection", "close")],
        vec![method, scheme, authority, path, ("transfer-encoding", "chunked")],
        vec![method, scheme, authority, path, ("te", "gzip")],
        vec![method, scheme, authority, path, ("x", "a\r\nevil: 1")],
        vec![method, scheme, authority, path, ("host", "b")],
        vec![method, scheme, (":authority", "u@a"), path],
    ] {
        let mut client = gateway.client();
        client.send(
            [
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
                frame(4, 0, 0, &[]),
                frame(1, 5, 1, &block(&fields)),
            ]
            .concat(),
        );
        // Refused by a reset, the end of the connection or a response: something comes for the stream, or all ends.
        while let Ok(head) = client.take(9) {
            let length = usize::from(head[1]) << 8 | usize::from(head[2]);
            if client.take(length).is_err() || (head[3] != 4 && head[3] != 8) {
                break;
            }
        }
    }
    assert_eq!((origin.connections(), origin.requests()), (0, 0));
}
