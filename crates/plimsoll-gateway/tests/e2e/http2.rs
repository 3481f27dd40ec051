//! HTTP/2 in and out, in every combination with HTTP/1.1.

use crate::support::{
    End, Origin, Setup,
    http2::{self, Http2Origin, ask, client, converse, read, request, until_seen, whole},
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use std::time::Duration;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    trailers
}

#[test]
fn in_by_http2_and_out_by_http1() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let scripted = std::thread::spawn(move || {
        let mut connection = origin.accept();
        let request = connection.expect_request();
        assert_eq!((request.method(), request.target(), request.field("host")), ("POST", "/x?y", Some("a")));
        assert_eq!(
            (&*request.body, &*request.trailers),
            (&b"hello"[..], &[("x-sum".to_owned(), "1".to_owned())][..])
        );
        assert_eq!((request.field("via"), request.field("cookie")), (Some("2.0 plimsoll"), Some("a=1; b=2")));
        assert_eq!((request.field("te"), request.field("connection")), (Some("trailers"), Some("te")));
        connection.send("HTTP/1.1 200 OK\r\nConnection: x-own\r\nX-Own: 1\r\nKeep-Alive: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\nx-sum: 2\r\n\r\n");
        // A body of a known length goes out by that length.
        let request = connection.expect_request();
        assert_eq!((request.field("content-length"), &*request.body), (Some("3"), &b"abc"[..]));
        connection.send("HTTP/1.1 204 No Content\r\n\r\n");
        let request = connection.expect_request();
        assert_eq!((request.method(), request.field("transfer-encoding")), ("HEAD", None));
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n");
    });
    converse(async {
        let mut sender = client(gateway.address).await;
        let mut post = request("POST", "/x?y");
        post.headers_mut().append("cookie", "a=1".parse().unwrap());
        post.headers_mut().append("cookie", "b=2".parse().unwrap());
        post.headers_mut().insert("te", "trailers".parse().unwrap());
        let (response, mut body) = sender.send_request(post, false).unwrap();
        body.send_data(Bytes::from_static(b"hel"), false).unwrap();
        body.send_data(Bytes::from_static(b"lo"), false).unwrap();
        body.send_trailers(trailers()).unwrap();
        let (response, trailers) = whole(response).await.unwrap();
        assert_eq!((response.status(), &**response.body()), (http::StatusCode::OK, &b"world"[..]));
        assert_eq!(trailers.unwrap()["x-sum"], "2");
        assert_eq!(response.headers()["via"], "1.1 plimsoll");
        for gone in ["x-own", "connection", "keep-alive", "transfer-encoding"] {
            assert!(!response.headers().contains_key(gone), "{gone}");
        }
        let mut put = request("PUT", "/");
        put.headers_mut().insert("content-length", "3".parse().unwrap());
        let (response, mut body) = sender.send_request(put, false).unwrap();
        body.send_data(Bytes::from_static(b"abc"), true).unwrap();
        assert_eq!(whole(response).await.unwrap().0.status(), 204);
        let (response, _) = ask(&mut sender, request("HEAD", "/")).await;
        assert_eq!(response.headers()["content-length"], "77");
    });
    scripted.join().unwrap();
    gateway.until_metric("plimsoll_requests_total", &["code=\"2xx\""], 3);
    gateway.until_metric("plimsoll_response_body_bytes_total", &[], 5);
}

#[test]
fn in_by_http1_and_out_by_http2() {
    let origin = Http2Origin::listening();
    let gateway = Setup::to_addresses([origin.address]).upstream("protocol = \"h2\"").start();
    let mut client = gateway.client();
    let asking = std::thread::spawn(move || {
        client.send("POST /x?y HTTP/1.1\r\nHost: a:80\r\nConnection: x-own\r\nX-Own: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n");
        let response = client.response();
        assert_eq!(
            (response.text(), &*response.trailers),
            ("world", &[("x-sum".to_owned(), "2".to_owned())][..])
        );
        client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().status(), 204);
        client.send("GET /last HTTP/1.0\r\n\r\n");
        assert_eq!(client.response().text(), "last");
        client.ended();
    });
    converse(async {
        let ((request, mut respond), mut more) = http2::next(origin.accept().await).await;
        let (parts, body) = request.into_parts();
        assert_eq!((parts.method.as_str(), parts.uri.to_string().as_str()), ("POST", "http://a:80/x?y"));
        assert!(!parts.headers.contains_key("x-own") && !parts.headers.contains_key("host"));
        assert_eq!(parts.headers["x-forwarded-for"], "127.0.0.1");
        let (body, came) = read(body).await.unwrap();
        assert_eq!(
            (&*body, &came.unwrap()["x-sum"]),
            (&b"hello"[..], &"1".parse::<http::HeaderValue>().unwrap())
        );
        let mut sending = respond.send_response(Response::new(()), false).unwrap();
        sending.send_data(Bytes::from_static(b"world"), false).unwrap();
        let mut sum = HeaderMap::new();
        sum.insert("x-sum", "2".parse().unwrap());
        sending.send_trailers(sum).unwrap();
        let (_, mut respond) = more.recv().await.unwrap();
        respond.send_response(Response::builder().status(204).body(()).unwrap(), true).unwrap();
        let (_, mut respond) = more.recv().await.unwrap();
        let mut sending = respond.send_response(Response::new(()), false).unwrap();
        sending.send_data(Bytes::from_static(b"last"), true).unwrap();
        // One connection serves them all.
        assert!(until_seen(|| asking.is_finished().then_some(true)).await);
    });
    asking.join().unwrap();
    assert_eq!(gateway.metric("plimsoll_upstream_connects_total", &["result=\"ok\""]), 1);
}

#[test]
fn in_and_out_by_http2_with_many_at_once() {
    let origin = Http2Origin::listening();
    let gateway = Setup::to_addresses([origin.address]).upstream("protocol = \"h2\"").start();
    converse(async {
        tokio::spawn(async move {
            let mut connection = origin.accept().await;
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                tokio::spawn(async move {
                    let (body, _) = read(request.into_body()).await.unwrap();
                    let mut sending = respond.send_response(Response::new(()), false).unwrap();
                    sending.send_data(Bytes::from(body), true).unwrap();
                });
            }
        });
        let mut sender = client(gateway.address).await;
        let mut responses = Vec::new();
        for at in 0..50 {
            sender = sender.ready().await.unwrap();
            let (response, mut body) = sender.send_request(request("POST", "/"), false).unwrap();
            body.send_data(Bytes::from(format!("body {at}")), true).unwrap();
            responses.push(whole(response));
        }
        for (at, response) in responses.into_iter().enumerate() {
            assert_eq!(*response.await.unwrap().0.body(), format!("body {at}").into_bytes());
        }
    });
    gateway.until_metric("plimsoll_requests_in_flight", &[], 0);
}

#[test]
fn what_is_malformed_or_too_large_is_refused_before_any_route() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).limits("fields = 20\ntarget = 100\nbody = 10").start();
    converse(async {
        let mut sender = client(gateway.address).await;
        let with = |uri: &str, fields: &[(&'static str, &str)]| {
            let mut request = Request::get(uri);
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            request.body(()).unwrap()
        };
        let long = format!("http://a/{}", "x".repeat(100));
        let cases = [
            (with("http://a/", &[("host", "b")]), 400, "host-contradicts-target"),
            (with("http://a/", &[("host", "a"), ("host", "a")]), 400, "host-repeated"),
            (with("http://u@a/", &[]), 400, "host-invalid"),
            (with("http://a/\u{e9}", &[]), 400, "target-syntax"),
            (with(&long, &[]), 414, "target-too-long"),
            (with("http://a/", &[("x", "y"); 21]), 431, "too-many-fields"),
            (with("http://a/", &[("content-length", "11")]), 413, "body-too-large"),
            (Request::connect("a:80").body(()).unwrap(), 501, "connect-unsupported"),
        ];
        for (request, status, reason) in cases {
            let ends = request.headers().get("content-length").is_none();
            let (response, _body) = sender.send_request(request, ends).unwrap();
            let response = response.await.unwrap();
            assert_eq!(response.status(), status, "{reason}");
            assert_eq!(response.headers()["content-type"], "application/problem+json", "{reason}");
            assert!(response.headers().contains_key("proxy-status"), "{reason}");
            let reason = format!("reason=\"{reason}\"");
            assert_eq!(gateway.metric("plimsoll_refused_requests_total", &[&reason]), 1, "{reason}");
        }
        assert_eq!((origin.connections(), origin.requests()), (0, 0));
        // The same connection is fit for what is well formed.
        assert_eq!(ask(&mut sender, request("GET", "/")).await.0.body(), b"ok");
        // A body that turns out too long.
        let (response, mut body) = sender.send_request(request("POST", "/"), false).unwrap();
        body.send_data(Bytes::from_static(b"twelve bytes"), false).unwrap();
        assert_eq!(response.await.unwrap().status(), 413);
        assert_eq!(origin.requests(), 1);
    });
}

/// A too long body on its way to an endpoint that speaks HTTP/2 is the client's fault, not the endpoint's.
#[test]
fn a_bad_body_is_not_blamed_on_an_http2_endpoint() {
    let origin = Http2Origin::listening();
    let gateway =
        Setup::to_addresses([origin.address]).upstream("protocol = \"h2\"").limits("body = 10").start();
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    converse(async {
        let ((request, _respond), _more) = http2::next(origin.accept().await).await;
        let (mut client, bad) = (client, "6\r\nworld!\r\n");
        let asking = std::thread::spawn(move || {
            client.send(bad);
            client.response().assert_problem(413, "body-too-large");
        });
        assert!(read(request.into_body()).await.is_err(), "reset, and never a short whole");
        assert!(until_seen(|| asking.is_finished().then_some(true)).await);
        asking.join().unwrap();
    });
    assert_eq!(gateway.metric("plimsoll_attempt_duration_seconds_count", &["outcome=\"broken\""]), 0);
}

#[test]
fn grpc_is_refused_in_its_own_words() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin)
        .policy(r#"rate-limit = { rate = "1/h", burst = 1 }"#)
        .routes("[[route]]\npath = \"/s\"\nupstream = \"origin\"\npolicy = \"p\"\n")
        .start();
    converse(async {
        let mut sender = client(gateway.address).await;
        let grpc = |path: &str, kind: &str| {
            let mut request = request("POST", path);
            request.headers_mut().insert(header::CONTENT_TYPE, kind.parse().unwrap());
            request
        };
        let mut refused = async |path: &str, code: &str| {
            let (response, _) = sender.send_request(grpc(path, "application/grpc+proto"), true).unwrap();
            let response = response.await.unwrap();
            // Trailers only: everything in the head, and no body behind it.
            assert!(response.body().is_end_stream());
            assert_eq!(
                (response.status().as_u16(), &response.headers()["grpc-status"]),
                (200, &code.parse::<http::HeaderValue>().unwrap())
            );
            assert_eq!(response.headers()["content-type"], "application/grpc");
            assert!(
                response.headers().contains_key("grpc-message")
                    && response.headers().contains_key("proxy-status")
            );
            response
        };
        refused("/nowhere", "12").await;
        let mut warm = client(gateway.address).await;
        assert_eq!(ask(&mut warm, request("GET", "/s")).await.0.status(), 200);
        assert!(refused("/s/m", "8").await.headers().contains_key("grpc-retry-pushback-ms"));
        // grpc-web is another protocol.
        let (response, _) = ask(&mut warm, grpc("/s", "application/grpc-web+proto")).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (429, &"application/problem+json".parse::<http::HeaderValue>().unwrap())
        );
    });
    assert_eq!(gateway.metric("plimsoll_problems_total", &["kind=\"rate-limited\""]), 2);
}

#[test]
fn a_stream_that_is_reset_cancels_its_attempt_alone() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    converse(async {
        let mut sender = client(gateway.address).await;
        let (first, mut body) = sender.send_request(request("GET", "/first"), false).unwrap();
        let mut cancelled = until_seen(|| origin.try_accept()).await;
        let (second, _) = sender.send_request(request("GET", "/second"), true).unwrap();
        let mut kept = until_seen(|| origin.try_accept()).await;
        body.send_reset(h2::Reason::CANCEL);
        drop(first);
        let ended = std::thread::spawn(move || cancelled.rest());
        assert!(until_seen(|| ended.is_finished().then_some(true)).await);
        kept.expect_request();
        kept.respond("ok");
        assert_eq!(whole(second).await.unwrap().0.body(), b"ok");
    });
    // Its body broke off: that is the client's doing.
    gateway.until_metric("plimsoll_attempt_duration_seconds_count", &["outcome=\"caller\""], 1);
    gateway.until_metric("plimsoll_requests_in_flight", &[], 0);
}

#[test]
fn a_stream_that_is_reset_within_its_response_cancels_the_rest() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    converse(async {
        let mut sender = client(gateway.address).await;
        let (response, mut body) = sender.send_request(request("GET", "/"), false).unwrap();
        let mut connection = until_seen(|| origin.try_accept()).await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab");
        let mut response = response.await.unwrap();
        assert_eq!(response.body_mut().data().await.unwrap().unwrap(), "ab");
        body.send_reset(h2::Reason::CANCEL);
        let ended = std::thread::spawn(move || connection.rest());
        assert!(until_seen(|| ended.is_finished().then_some(true)).await);
    });
    gateway.until_metric("plimsoll_requests_in_flight", &[], 0);
}

/// A problem says how long it is, and a `HEAD` does not get it.
#[test]
fn a_problem_has_no_body_where_only_the_head_is_asked_for() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).routes("[[route]]\npath = \"/s\"\nupstream = \"origin\"\n").start();
    converse(async {
        let mut sender = client(gateway.address).await;
        let (response, _) = sender.send_request(request("HEAD", "/nowhere"), true).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 404);
        assert!(response.body().is_end_stream());
        assert_ne!(response.headers()["content-length"], "0");
    });
}

/// A body that breaks off resets its stream: never a short one as whole.
#[test]
fn a_response_that_breaks_off_resets_its_stream() {
    let origin = Origin::serving(|request, wire| {
        wire.send(match request.target() {
            "/length" => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            "/chunked" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        });
        if request.target() == "/ok" { Ok(()) } else { Err(End::Reset) }
    });
    let gateway = Setup::to(&origin).start();
    converse(async {
        let mut sender = client(gateway.address).await;
        for path in ["/length", "/chunked"] {
            let (response, _) = sender.send_request(request("GET", path), true).unwrap();
            match whole(response).await {
                Err(error) => assert!(error.is_reset(), "{error}"),
                Ok((response, _)) => panic!("{path}: {response:?}"),
            }
        }
        assert_eq!(ask(&mut sender, request("GET", "/ok")).await.0.body(), b"ok");
    });
}

#[test]
fn a_stream_that_the_endpoint_refuses_is_sent_again() {
    let origin = Http2Origin::listening();
    let gateway = Setup::to_addresses([origin.address])
        .upstream("protocol = \"h2\"")
        .policy(r#"retry = { attempts = 2, backoff = "1ms..1ms", reserve = 10 }"#)
        .start();
    let mut client = gateway.client();
    // Not even a `POST` has done anything there.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    converse(async {
        let ((_, mut respond), mut more) = http2::next(origin.accept().await).await;
        respond.send_reset(h2::Reason::REFUSED_STREAM);
        let (request, mut respond) = more.recv().await.unwrap();
        assert_eq!(read(request.into_body()).await.unwrap().0, b"hi");
        respond.send_response(Response::builder().status(204).body(()).unwrap(), true).unwrap();
        let asking = std::thread::spawn(move || client.response().status());
        assert!(until_seen(|| asking.is_finished().then_some(true)).await);
        assert_eq!(asking.join().unwrap(), 204);
    });
}

#[test]
fn a_stream_that_the_endpoint_resets_is_broken() {
    let origin = Http2Origin::listening();
    let gateway = Setup::to_addresses([origin.address]).upstream("protocol = \"h2\"").start();
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    converse(async {
        let ((_, mut respond), mut more) = http2::next(origin.accept().await).await;
        respond.send_reset(h2::Reason::INTERNAL_ERROR);
        let asking = std::thread::spawn(move || {
            client.response().assert_problem(502, "upstream-broken");
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        });
        // Within the body it breaks the client's connection.
        let (_, mut respond) = more.recv().await.unwrap();
        let mut client = asking.join().unwrap();
        let mut sending = respond.send_response(Response::new(()), false).unwrap();
        sending.send_data(Bytes::from_static(b"abc"), false).unwrap();
        let reading = std::thread::spawn(move || {
            client.head().unwrap();
            client.take_to(b"abc").unwrap();
            client.rest()
        });
        tokio::task::yield_now().await;
        until_seen(|| (gateway.metric("plimsoll_attempts_total", &[]) >= 2).then_some(())).await;
        sending.send_reset(h2::Reason::INTERNAL_ERROR);
        assert!(until_seen(|| reading.is_finished().then_some(true)).await);
        let (rest, _) = reading.join().unwrap();
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{rest:?}");
    });
}

/// An attempt that is given up resets its stream: the endpoint need not go on.
#[test]
fn an_attempt_given_up_resets_its_stream() {
    let origin = Http2Origin::listening();
    let gateway = Setup::to_addresses([origin.address])
        .upstream("protocol = \"h2\"")
        .policy(r#"timeout = { attempt = "100ms", first-byte = "100ms", connect = "15s", total = "15s" }"#)
        .start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    converse(async {
        let ((_, mut respond), _more) = http2::next(origin.accept().await).await;
        let reset = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
        assert_eq!(reset.unwrap(), h2::Reason::CANCEL);
        let asking = std::thread::spawn(move || client.response().assert_problem(504, "attempt-timeout"));
        assert!(until_seen(|| asking.is_finished().then_some(true)).await);
        asking.join().unwrap();
    });
}

/// `first-byte` runs from the end of the request, however long that takes to come.
#[test]
fn a_slow_upload_is_not_held_against_an_http2_endpoint() {
    let origin = Http2Origin::listening();
    let gateway = Setup::to_addresses([origin.address])
        .upstream("protocol = \"h2\"")
        .policy(r#"timeout = { first-byte = "100ms", attempt = "15s", connect = "15s", idle = "15s", total = "15s" }"#)
        .start();
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
    converse(async {
        let ((request, _respond), _more) = http2::next(origin.accept().await).await;
        let asking = std::thread::spawn(move || {
            assert!((0..4).all(|_| client.is_quiet()), "longer than the first byte may take");
            client.send("bc");
            client.response().assert_problem(504, "attempt-timeout");
        });
        assert_eq!(read(request.into_body()).await.unwrap().0, b"abc");
        assert!(until_seen(|| asking.is_finished().then_some(true)).await);
        asking.join().unwrap();
    });
    assert_eq!(gateway.metric("plimsoll_timeouts_total", &["limit=\"first-byte\""]), 1);
}

#[test]
fn a_drain_says_goodbye_and_finishes_what_is_under_way() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    converse(async {
        let stream = tokio::net::TcpStream::connect(gateway.address).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut sender = sender.ready().await.unwrap();
        let (response, _) = sender.send_request(request("GET", "/"), true).unwrap();
        let mut held = until_seen(|| origin.try_accept()).await;
        held.expect_request();
        let draining = std::thread::spawn(move || gateway.drain(Duration::from_secs(20)));
        // Once the goodbye is here no new request goes out.
        until_seen(|| sender.send_request(request("GET", "/late"), true).is_err().then_some(())).await;
        held.respond("ok");
        assert_eq!(whole(response).await.unwrap().0.body(), b"ok");
        connection.await.unwrap().unwrap();
        assert!(until_seen(|| draining.is_finished().then_some(true)).await);
        assert_eq!(draining.join().unwrap(), 0);
    });
}

#[test]
fn a_connection_that_asks_nothing_is_closed() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).limits("idle-time = \"100ms\"\nwrite-time = \"100ms\"").start();
    converse(async {
        let stream = tokio::net::TcpStream::connect(gateway.address).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut sender = sender.ready().await.unwrap();
        assert_eq!(ask(&mut sender, request("GET", "/")).await.0.body(), b"ok");
        connection.await.unwrap().unwrap();
    });
    gateway.until_metric("plimsoll_connections", &[], 0);
    // One that does not even finish its greeting, or a head that it has begun.
    for greeting in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x64\x01\0\0\0\0\x01\x82",
    ] {
        let mut client = gateway.client();
        client.send(greeting);
        client.rest();
        gateway.until_metric("plimsoll_connections", &[], 0);
    }
}

/// A client that opens a stream and takes nothing of the response frees its endpoint all the same.
#[test]
fn a_client_that_takes_nothing_frees_the_endpoint() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin)
        .limits("write-time = \"100ms\"")
        .policy("bulkhead = { in-flight = 1, waiting = 0 }")
        .start();
    converse(async {
        let mut sender = client(gateway.address).await;
        let (response, _) = sender.send_request(request("GET", "/"), true).unwrap();
        let mut connection = until_seen(|| origin.try_accept()).await;
        let sending = std::thread::spawn(move || {
            connection.expect_request();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
            while connection.try_send(crate::support::FILLING).is_ok() {}
        });
        // The response is there; its windows fill up and are never opened again.
        let response = response.await.unwrap();
        assert!(until_seen(|| sending.is_finished().then_some(true)).await);
        gateway.until_metric("plimsoll_calls_abandoned_total", &[], 1);
        assert!(read(response.into_body()).await.is_err(), "what was there, and then no more");
        let mut sender = client(gateway.address).await;
        let (response, _) = sender.send_request(request("GET", "/next"), true).unwrap();
        let mut connection = until_seen(|| origin.try_accept()).await;
        connection.expect_request();
        connection.respond("ok");
        assert_eq!(whole(response).await.unwrap().0.body(), b"ok");
    });
}
