//! Names of headers and trailers by which a client could say what only a proxy may.

use crate::support::{
    Origin, Request, Running, Setup,
    http2::{self, Http2Serving, client, converse, whole},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};

/// Sends a request with these fields and trailers; gives it as the origin has it.
fn sent_on(gateway: &Running, origin: &Origin, fields: &str, trailers: &str) -> Request {
    let mut client = gateway.client();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n{fields}\r\n1\r\na\r\n0\r\n{trailers}\r\n"
    ));
    let mut connection = origin.accept();
    let request = connection.expect_request();
    connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.response().status(), 200);
    request
}

/// The names of an origin's request that would become this name in WSGI, CGI or PHP.
fn as_in_cgi(request: &Request, name: &str) -> Vec<String> {
    let plain = |name: &str| name.to_ascii_lowercase().replace(|one: char| !one.is_ascii_alphanumeric(), "_");
    let fields = request.head.fields.iter().chain(&request.trailers);
    fields.filter(|(have, _)| plain(have) == plain(name)).map(|(_, value)| value.clone()).collect()
}

#[test]
fn a_name_that_cgi_takes_for_another_is_dropped_refused_or_passed() {
    let origin = Origin::by_hand();
    let lies = "X_Forwarded_For: 6.6.6.6\r\nX_Forwarded-Proto: https\r\nX.Forwarded.For: 6.6.6.6\r\nX_User: root\r\nX-Kept: 1\r\n";
    let gateway = Setup::to(&origin).start();
    let request = sent_on(&gateway, &origin, lies, lies);
    assert_eq!(as_in_cgi(&request, "X-Forwarded-For"), ["127.0.0.1"]);
    assert_eq!(as_in_cgi(&request, "X-Forwarded-Proto"), ["http"]);
    assert_eq!(as_in_cgi(&request, "X-User"), [""; 0]);
    assert_eq!(as_in_cgi(&request, "X-Kept"), ["1", "1"]);

    let gateway = Setup::to(&origin).listener("header-names = \"pass\"").start();
    let request = sent_on(&gateway, &origin, lies, "X_Sum: 1\r\n");
    assert_eq!(
        (request.field("x_user"), &*request.trailers),
        (Some("root"), &[("x_sum".to_owned(), "1".to_owned())][..])
    );

    let gateway = Setup::to(&origin).listener("header-names = \"refuse\"").start();
    gateway
        .client()
        .ask("GET / HTTP/1.1\r\nHost: a\r\nX_User: root\r\n\r\n")
        .assert_problem(400, "bad-request");
    assert_eq!(gateway.metric("plimsoll_refused_requests_total", &["reason=\"header-name\""]), 1);
    let mut client = gateway.client();
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX_User: root\r\n\r\n",
    );
    client.response().assert_problem(400, "bad-request");
}

#[test]
fn nothing_that_only_a_proxy_may_say_is_taken_from_a_stranger_in_head_or_trailers() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).start();
    let names = [
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-User",
        "X-Real-IP",
        "Forwarded",
        "X-Client-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Original-URL",
        "X-Rewrite-URL",
        "Proxy",
    ];
    let lies: String = names.map(|name| format!("{name}: 6.6.6.6\r\n")).concat();
    let request = sent_on(&gateway, &origin, &lies, &format!("{lies}X-Sum: 1\r\n"));
    for name in names {
        assert!(
            request.head.all(&name.to_ascii_lowercase()).iter().all(|value| !value.contains("6.6.6.6")),
            "{name}"
        );
    }
    assert_eq!(request.trailers, [("x-sum".to_owned(), "1".to_owned())]);

    // A trusted peer is believed in its head, and nobody in trailers; httpoxy comes from wherever it comes.
    let gateway = Setup::to(&origin).top("trusted = [\"127.0.0.0/8\"]").start();
    let request =
        sent_on(&gateway, &origin, "X-Real-IP: 9.9.9.9\r\nX-Original-URL: /a\r\nProxy: evil\r\n", &lies);
    assert_eq!(
        ["x-real-ip", "x-original-url", "proxy"].map(|name| request.field(name)),
        [Some("9.9.9.9"), Some("/a"), None]
    );
    assert!(request.trailers.is_empty(), "{:?}", request.trailers);
}

#[test]
fn the_same_holds_over_http2_on_both_sides() {
    let origin = Http2Serving::by(|(request, mut respond)| async move {
        let (parts, body) = request.into_parts();
        let (_, trailers) = http2::read(body).await.unwrap();
        let mut seen: Vec<String> = parts.headers.keys().map(ToString::to_string).collect();
        seen.extend(trailers.iter().flat_map(HeaderMap::keys).map(|name| format!("trailer:{name}")));
        seen.sort();
        let mut sending = respond.send_response(Response::new(()), false).unwrap();
        sending.send_data(Bytes::from(seen.join(" ")), false).unwrap();
        // What may not trail a response either.
        let mut trailers = HeaderMap::new();
        for name in ["x-sum", "set-cookie", "content-length", "location"] {
            trailers.insert(name, HeaderValue::from_static("0"));
        }
        sending.send_trailers(trailers).unwrap();
    });
    let gateway = Setup::to_addresses([origin.address]).upstream("protocol = \"h2\"").start();
    converse(async {
        let mut sender = client(gateway.address).await;
        let lies = ["x_forwarded_for", "x_user", "x-real-ip", "x-original-url", "proxy", "x-kept"];
        let lies =
            || lies.iter().map(|name| (HeaderName::from_static(name), HeaderValue::from_static("6.6.6.6")));
        let mut post = http2::request("POST", "/");
        post.headers_mut().extend(lies());
        let (response, mut body) = sender.send_request(post, false).unwrap();
        body.send_data(Bytes::from_static(b"a"), false).unwrap();
        let forbidden = [("authorization", "x"), ("host", "b"), ("x-forwarded-for", "1")];
        let forbidden =
            forbidden.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        body.send_trailers(lies().chain(forbidden).collect()).unwrap();
        let (response, trailers) = whole(response).await.unwrap();
        let seen = String::from_utf8(response.into_body()).unwrap();
        let ours = [
            "forwarded",
            "traceparent",
            "via",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-request-id",
        ];
        let theirs: Vec<&str> = seen.split(' ').filter(|name| !ours.contains(name)).collect();
        assert_eq!(theirs, ["trailer:x-kept", "x-kept"]);
        let left: Vec<_> = trailers.unwrap().keys().map(ToString::to_string).collect();
        assert_eq!(left, ["x-sum"]);
    });
}

/// The limit of each of several values is counted: the endpoint may go by any of them.
#[test]
fn a_limit_by_header_counts_every_value_of_it() {
    let origin = Origin::responding("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Setup::to(&origin)
        .policy(r#"rate-limit = { rate = "1/h", burst = 2, per = "header:x-key" }"#)
        .start();
    let mut client = gateway.client();
    let mut status = |keys: &[&str]| {
        let fields = keys.iter().fold(String::new(), |fields, key| fields + "X-Key: " + key + "\r\n");
        client.ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).status()
    };
    // The known key stands last, with another before it each time.
    assert_eq!([status(&["a", "mine"]), status(&["b", "mine"]), status(&["c", "mine"])], [200, 200, 429]);
    // And first.
    assert_eq!(status(&["mine", "d"]), 429);
    // The same value twice counts once.
    assert_eq!([status(&["e", "e"]), status(&["e"]), status(&["e"])], [200, 200, 429]);
}
