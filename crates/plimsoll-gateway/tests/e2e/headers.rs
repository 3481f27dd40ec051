//! Header fields that the gateway removes, adds and trusts.

use crate::support::{Origin, Request, Running, Setup, Wire};

/// Sends a `GET` with these fields; gives it as the origin has it, and the origin's connection.
fn sent_on(gateway: &Running, origin: &Origin, fields: &str) -> (Request, Wire) {
    let mut client = gateway.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: shop.example:80\r\n{fields}Connection: close\r\n\r\n"));
    let mut connection = origin.accept();
    let request = connection.expect_request();
    connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.response().status(), 200);
    (request, connection)
}

#[test]
fn what_concerns_one_hop_stays_on_it() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Mine, x-other ,, keep-alive, Host, Authorization\r\nX-Mine: 1\r\n\
         X-Other: 2\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: secret\r\n\
         TE: gzip\r\nUpgrade: websocket\r\nAuthorization: kept\r\nX-Kept: 3\r\n\r\n",
    );
    let mut connection = origin.accept();
    let request = connection.expect_request();
    for gone in [
        "x-mine",
        "x-other",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "upgrade",
        "connection",
    ] {
        assert_eq!(request.field(gone), None, "{gone}");
    }
    let kept = ["host", "authorization", "x-kept"].map(|name| request.field(name));
    assert_eq!(kept, [Some("a"), Some("kept"), Some("3")]);
    connection.send(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-Kept: 3\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
    );
    let response = client.response();
    for gone in ["x-mine", "keep-alive", "proxy-authenticate", "upgrade", "connection"] {
        assert_eq!(response.field(gone), None, "{gone}");
    }
    assert_eq!((response.field("x-kept"), response.head.all("set-cookie")), (Some("3"), vec!["a", "b"]));
}

#[test]
fn each_hop_is_told_in_via() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 fred\r\n\r\n");
    let mut connection = origin.accept();
    assert_eq!(connection.expect_request().head.all("via"), ["1.0 fred", "1.1 plimsoll"]);
    connection.send("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    let response = client.response();
    assert_eq!(response.field("via"), Some("1.0 plimsoll"));
    assert!(response.field("date").is_some());
}

#[test]
fn a_stranger_is_not_believed_about_the_client() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let lies = "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: for=9.9.9.9\r\n";
    let (request, _) = sent_on(&gateway, &origin, lies);
    assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.field("x-forwarded-proto"), Some("http"));
    assert_eq!(request.field("x-forwarded-host"), Some("shop.example:80"));
    assert_eq!(request.field("forwarded"), Some("for=127.0.0.1;proto=http;host=\"shop.example:80\""));
}

#[test]
fn a_trusted_peer_is_believed_and_added_to() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).top(r#"trusted = ["127.0.0.0/8"]"#).start();
    let chain = "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 8.8.8.8\r\nX-Forwarded-Proto: https\r\n\
                 X-Forwarded-Host: outside\r\nForwarded: for=9.9.9.9\r\n";
    let (request, _) = sent_on(&gateway, &origin, chain);
    assert_eq!(request.field("x-forwarded-for"), Some("9.9.9.9, 8.8.8.8, 127.0.0.1"));
    assert_eq!(request.field("x-forwarded-proto"), Some("https"));
    assert_eq!(request.field("x-forwarded-host"), Some("outside"));
    assert_eq!(
        request.field("forwarded"),
        Some("for=9.9.9.9, for=127.0.0.1;proto=http;host=\"shop.example:80\"")
    );
}

#[test]
fn a_trace_is_begun_or_passed_on() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let hex = |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = |request: &Request| {
        let parts: Vec<String> =
            request.field("traceparent").unwrap().split('-').map(str::to_owned).collect();
        assert!(
            parts[0] == "00" && hex(&parts[1], 32) && hex(&parts[2], 16) && hex(&parts[3], 2),
            "{parts:?}"
        );
        parts
    };
    let (first, _) = sent_on(&gateway, &origin, "");
    let (second, _) = sent_on(&gateway, &origin, "");
    assert_ne!(parts(&first)[1], parts(&second)[1]);

    let trace = "0af7651916cd43dd8448eb211c80319c";
    let came = format!("Traceparent: 00-{trace}-b7ad6b7169203331-01\r\nTracestate: a=b\r\n");
    let (passed, _) = sent_on(&gateway, &origin, &came);
    let passed_parts = parts(&passed);
    assert_eq!(
        (&*passed_parts[1], &*passed_parts[3], passed.field("tracestate")),
        (trace, "01", Some("a=b"))
    );
    assert_ne!(passed_parts[2], "b7ad6b7169203331", "the gateway's own span stands between");

    for bad in [
        "00-0-0-00",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    ] {
        let (renewed, _) = sent_on(&gateway, &origin, &format!("Traceparent: {bad}\r\nTracestate: a=b\r\n"));
        assert_ne!(parts(&renewed)[1], trace);
        assert_eq!(renewed.field("tracestate"), None, "{bad}");
    }
}

#[test]
fn a_request_has_an_id() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let (given, _) = sent_on(&gateway, &origin, "");
    assert_eq!(given.field("x-request-id").map(str::len), Some(32));
    let (kept, _) = sent_on(&gateway, &origin, "X-Request-Id: mine\r\n");
    assert_eq!(kept.field("x-request-id"), Some("mine"));
}

/// A problem carries the id of the trace, so that the caller's complaint finds the log line.
#[test]
fn a_problem_says_which_request_it_was() {
    let gateway = Setup::to_addresses([crate::support::refused_address()]).start();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let mut client = gateway.client();
    let response = client
        .ask(format!("GET / HTTP/1.1\r\nHost: a\r\nTraceparent: 00-{trace}-b7ad6b7169203331-01\r\n\r\n"));
    response.assert_problem(502, "upstream-unreachable");
    let json: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(json["id"], trace);
    assert_eq!(gateway.metric("plimsoll_problems_total", &["kind=\"upstream-unreachable\""]), 1);
    // The connection of a client that did nothing wrong is kept.
    client.get("/").assert_problem(502, "upstream-unreachable");
    assert_eq!(client.response_to_head("/").head.status(), 502);
}

#[test]
fn a_trace_that_begins_here_is_marked_as_the_setting_says_and_one_that_came_stays_as_it_was() {
    const CAME: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-";
    let flags = |gateway: &Running, origin: &Origin, fields: &str| {
        let (request, _connection) = sent_on(gateway, origin, fields);
        request.field("traceparent").unwrap().rsplit('-').next().unwrap().to_owned()
    };
    for (setting, begun) in
        [(None, "01"), (Some("trace-sample = \"0%\""), "00"), (Some("trace-sample = 1.0"), "01")]
    {
        let origin = Origin::by_hand();
        let gateway = setting.into_iter().fold(Setup::to(&origin), Setup::top).start();
        assert_eq!(flags(&gateway, &origin, ""), begun, "{setting:?}");
        for came in ["00", "01"] {
            let field = format!("traceparent: {CAME}{came}\r\n");
            assert_eq!(flags(&gateway, &origin, &field), came, "{setting:?}");
        }
        assert_eq!(flags(&gateway, &origin, "traceparent: nonsense\r\n"), begun, "{setting:?}");
    }
}
