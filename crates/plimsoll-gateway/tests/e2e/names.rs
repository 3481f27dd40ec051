//! Endpoints that are names: several addresses, dead ones among them, and addresses that change.

use crate::support::{
    Deaf, End, Names, Origin, Setup,
    http2::{Http2Origin, converse, next},
    own_address,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const NAME: &str = "orders.internal";

fn names(addresses: impl IntoIterator<Item = std::net::IpAddr>) -> Names {
    let names = Names::default();
    names.set(NAME, addresses);
    names
}

#[test]
fn an_address_that_refuses_fails_no_request() {
    let origin = Origin::responding(OK);
    let names = names([own_address(), own_address(), origin.address.ip()]);
    let gateway = Setup::to_name(NAME, origin.address.port(), &names).upstream("pool = { idle = 0 }").start();
    let mut client = gateway.client();
    for _ in 0..5 {
        assert_eq!(client.get("/").status(), 200);
    }
    assert_eq!(gateway.metric("plimsoll_upstream_connects_total", &["result=\"failed\""]), 0);
    assert_eq!(gateway.metric("plimsoll_upstream_connects_total", &["result=\"ok\""]), 5);
}

/// Nothing comes back from the first address, not even a refusal.
#[cfg(target_os = "linux")]
#[test]
fn an_address_that_does_not_respond_is_raced() {
    let origin = Origin::responding(OK);
    let deaf = Deaf::on(origin.address.port());
    let names = names([deaf.address.ip(), origin.address.ip()]);
    let gateway = Setup::to_name(NAME, origin.address.port(), &names).start();
    assert_eq!(gateway.client().get("/").status(), 200);
    assert_eq!(gateway.metric("plimsoll_upstream_connects_total", &["result=\"failed\""]), 0);
}

/// Where a policy does not wait as long as the race would, the retry begins with the other address.
#[cfg(target_os = "linux")]
#[test]
fn a_short_connect_limit_reaches_the_second_address() {
    let origin = Origin::responding(OK);
    let deaf = Deaf::on(origin.address.port());
    let names = names([deaf.address.ip(), origin.address.ip()]);
    let gateway = Setup::to_name(NAME, origin.address.port(), &names)
        .top("network = { attempt-delay = \"60s\" }")
        .policy(r#"timeout = { connect = "2s", first-byte = "15s", attempt = "15s", total = "15s" }"#)
        .policy(r#"retry = { attempts = 2, backoff = "1ms..1ms" }"#)
        .start();
    assert_eq!(gateway.client().get("/").status(), 200);
}

#[test]
fn a_name_without_addresses_is_our_own_lack() {
    let gateway = Setup::to_name("nowhere.internal", 80, &Names::default())
        .policy("breaker = { minimum-calls = 1, failure-ratio = \"1%\" }")
        .start();
    let mut client = gateway.client();
    for _ in 0..3 {
        client.get("/").assert_problem(502, "upstream-unreachable");
    }
}

#[test]
fn kept_connections_to_addresses_that_are_gone_are_closed() {
    let origin = Origin::by_hand();
    let port = origin.address.port();
    let other = Origin::by_hand_on(port);
    let names = names([origin.address.ip()]);
    let gateway = Setup::to_name(NAME, port, &names).top("network = { name-time = \"1s\" }").start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut kept = origin.accept();
    kept.expect_request();
    // Another one is under way when the address goes.
    let mut late = gateway.client();
    late.send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut used = origin.accept();
    used.expect_request();
    kept.respond("first");
    assert_eq!(client.response().text(), "first");
    assert!(kept.is_quiet(), "it is kept");
    names.set(NAME, [other.address.ip()]);
    assert_eq!(kept.ended(), End::Closed);
    used.respond("late");
    assert_eq!(late.response().text(), "late", "what is under way is not cut off");
    assert_eq!(used.ended(), End::Closed);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut moved = other.accept();
    moved.expect_request();
    moved.respond("moved");
    assert_eq!(client.response().text(), "moved");
}

#[test]
fn an_http2_connection_to_an_address_that_is_gone_is_closed_when_it_has_ended() {
    let origin = Http2Origin::listening();
    let names = names([origin.address.ip()]);
    let gateway = Setup::to_name(NAME, origin.address.port(), &names)
        .upstream("protocol = \"h2\"")
        .top("network = { name-time = \"1s\" }")
        .start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    converse(async {
        let ((_, mut respond), mut more) = next(origin.accept().await).await;
        names.set(NAME, [own_address()]);
        // The response comes after the name has been looked up again; the connection waits for it.
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        respond.send_response(http::Response::new(()), true).unwrap();
        assert!(more.recv().await.is_none(), "the gateway has closed it");
    });
    assert_eq!(client.response().status(), 200);
    client.get("/").assert_problem(502, "upstream-unreachable");
}
