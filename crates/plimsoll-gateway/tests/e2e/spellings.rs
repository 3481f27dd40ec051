//! A table of spellings × hosts, routes and methods: none reaches an endpoint by another route than that which the endpoint
//! itself would take it for, however it reads what it is sent.

#[path = "../corpus/spellings.rs"]
mod table;

use crate::support::{
    Origin, Setup,
    http2::{ask, client, converse},
};
use http::Uri;
use std::fmt::Write as _;
use table::{HOSTS, METHODS, READERS, ROUTES, meant, spellings};

/// An origin that tells who it is and what it was asked.
fn telling(name: &'static str) -> Origin {
    Origin::serving(move |request, wire| {
        let host = request.field("host").unwrap_or_default();
        wire.respond(&format!("{name} {} {host} {}", request.method(), request.target()));
        Ok(())
    })
}

fn setup(origins: &[(&str, &Origin)]) -> Setup {
    let mut sections = ROUTES.to_owned();
    for (name, origin) in origins {
        write!(sections, "[upstream.{name}]\nendpoints = [\"{}\"]\n", origin.address).unwrap();
    }
    Setup::to(origins[0].1).routes(&sections)
}

/// Checks a response: refused, or told by the origin that every reader of what it was sent would take the request for.
/// Whether it was let through.
fn judge(asked: &str, status: u16, body: &str) -> bool {
    if status == 400 {
        return false;
    }
    assert_eq!(status, 200, "{asked}: {body}");
    let words: Vec<&str> = body.split(' ').collect();
    let [reached, method, host, target] = words[..] else { panic!("{asked}: {body}") };
    let path = target.split('?').next().unwrap_or_default();
    for (reader, read) in READERS {
        assert_eq!(reached, meant(read, method, host, path), "{asked} became {target}: one that {reader}");
    }
    true
}

#[test]
fn no_spelling_reaches_an_endpoint_by_another_route_than_it_would_take_it_for() {
    let names = ["open", "admin", "writes", "intern"];
    let origins = names.map(telling);
    let named: Vec<_> = names.into_iter().zip(&origins).collect();
    let gateway = setup(&named).start();
    let mut client = gateway.client();
    let (mut asked, mut passed) = (0, 0);
    for (at, path) in spellings().iter().enumerate() {
        // Every path with two of the hosts and methods, so that each of these meets each kind of spelling.
        for step in [at, at / 7 + 1] {
            let (method, host) = (METHODS[step % 3], HOSTS[step % HOSTS.len()]);
            let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
            let response = client.ask(&request);
            asked += 1;
            passed +=
                usize::from(judge(&request, response.status(), &String::from_utf8_lossy(&response.body)));
        }
    }
    assert!(asked > 7000 && passed > 1000 && passed < asked, "{passed} of {asked}");
}

#[test]
fn none_does_over_http2_either() {
    let names = ["open", "admin", "writes", "intern"];
    let origins = names.map(telling);
    let named: Vec<_> = names.into_iter().zip(&origins).collect();
    let gateway = setup(&named).start();
    converse(async {
        let mut sender = client(gateway.address).await;
        let (mut asked, mut passed) = (0, 0);
        for (at, path) in spellings().iter().enumerate().filter(|(at, _)| at % 5 == 0) {
            let (method, host) = (METHODS[at / 5 % 3], HOSTS[at / 5 % HOSTS.len()]);
            let Ok(uri) = format!("http://{host}{path}").parse::<Uri>() else { continue };
            let request = http::Request::builder().method(method).uri(uri).body(()).unwrap();
            let (response, _) = ask(&mut sender, request).await;
            let said = format!("{method} {host} {path}");
            asked += 1;
            passed += usize::from(judge(
                &said,
                response.status().as_u16(),
                &String::from_utf8_lossy(response.body()),
            ));
        }
        assert!(asked > 600 && passed > 100, "{passed} of {asked}");
    });
}

#[test]
fn what_a_listener_says_of_paths_holds_for_its_requests() {
    let origin = telling("origin");
    let told = |line: &str| Setup::to(&origin).listener(line).start();
    for (line, path, expected) in [
        ("", "/%61//b/./c", Some("/a/b/c")),
        ("", "/a%2fb", None),
        ("paths = { encoded-slash = \"pass\" }", "/a%2fb", Some("/a%2Fb")),
        ("paths = { encoded-slash = \"decode\" }", "/a%2f..%2fb", Some("/b")),
        ("paths = { repeated-slash = \"pass\" }", "/a//b", Some("/a//b")),
        ("paths = { repeated-slash = \"refuse\" }", "/a//b", None),
        ("", "/a\\b", None),
        ("paths = { backslash = \"slash\" }", "/a\\b", Some("/a/b")),
        ("", "/a;b", None),
        ("paths = { parameters = \"strip\" }", "/a;b/c", Some("/a/c")),
        ("paths = { parameters = \"pass\" }", "/a;b/c", Some("/a;b/c")),
        ("paths = { parameters = \"pass\" }", "/a/..;/c", None),
        ("", "/a%00", None),
        ("paths = { controls = \"pass\" }", "/a%00", Some("/a%00")),
        ("", "/a/../b", Some("/b")),
        ("paths = { dots = \"refuse\" }", "/a/../b", None),
        ("paths = { dots = \"refuse\" }", "/a/%2e%2e/b", None),
    ] {
        let gateway = told(line);
        let response = gateway.client().get(path);
        match expected {
            Some(target) => assert_eq!(response.text(), format!("origin GET a {target}"), "{line} {path}"),
            None => response.assert_problem(400, "bad-request"),
        }
    }
}

/// A refusal says what was wrong, is counted by its reason, and costs nobody the connection.
#[test]
fn a_refused_spelling_is_told_and_counted() {
    let origin = telling("origin");
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    for (request, reason) in [
        ("GET /a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n", "path-encoded-slash"),
        ("GET /a;b HTTP/1.1\r\nHost: a\r\n\r\n", "path-parameters"),
        ("GET /../a HTTP/1.1\r\nHost: a\r\n\r\n", "path-above-root"),
        ("GET / HTTP/1.1\r\nHost: a..b\r\n\r\n", "host-empty-label"),
        ("GET / HTTP/1.1\r\nHost: .\r\n\r\n", "host-empty-label"),
        ("GET / HTTP/1.1\r\nHost: xn--intern-.example\r\n\r\n", "host-idna"),
    ] {
        let response = client.ask(request);
        response.assert_problem(400, "bad-request");
        let document: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert!(document["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{document}");
        let label = format!("reason=\"{reason}\"");
        assert!(gateway.metric("plimsoll_refused_requests_total", &[&label]) > 0, "{reason}");
    }
    assert_eq!(client.get("/next").text(), "origin GET a /next");
    assert_eq!(origin.requests(), 1);
}

#[test]
fn the_endpoint_sees_the_one_spelling_of_the_host() {
    let origin = telling("origin");
    let gateway = Setup::to(&origin).start();
    let mut client = gateway.client();
    for (host, one) in [("Shop.Example.:8080", "shop.example:8080"), ("[0::0:1]:80", "[::1]:80"), ("a", "a")]
    {
        let response = client.ask(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(response.text(), format!("origin GET {one} /"));
    }
    let mut old = gateway.client();
    let response = old.ask("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(
        response.text(),
        format!("origin GET {} /", gateway.address),
        "what the client has connected to"
    );
}
