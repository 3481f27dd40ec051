//! Limits of clients, in sizes and times: each is kept to the byte and counted.

use crate::support::{
    Client, End, FILLING, Origin, Setup,
    http2::{self, converse, until_seen, whole},
};
use plimsoll::{driver::Time, http::dial::SystemResolver};
use plimsoll_gateway::Gateway;
use socket2::{Domain, Socket, Type};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::Arc,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn the_size_of_a_head() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).limits("head = \"2KiB\"\ntarget = \"1KiB\"").start();
    let request = |size: usize| {
        let fixed = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(size - fixed))
    };
    let mut client = gateway.client();
    assert_eq!(client.ask(request(2048)).status(), 200);
    client.ask(request(2049)).assert_problem(431, "head-too-large");
    assert_eq!(gateway.metric("plimsoll_refused_requests_total", &["reason=\"head-too-large\""]), 1);
    assert_eq!(origin.requests(), 1);
}

#[test]
fn the_number_of_fields() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).limits("fields = 10").start();
    let request =
        |fields: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(fields - 1));
    let mut client = gateway.client();
    assert_eq!(client.ask(request(10)).status(), 200);
    client.ask(request(11)).assert_problem(431, "head-too-large");
    assert_eq!(gateway.metric("plimsoll_refused_requests_total", &["reason=\"too-many-fields\""]), 1);
}

#[test]
fn the_length_of_a_target() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).limits("target = 100").start();
    let mut client = gateway.client();
    assert_eq!(client.get(&format!("/{}", "x".repeat(99))).status(), 200);
    client.get(&format!("/{}", "x".repeat(100))).assert_problem(414, "uri-too-long");
    assert_eq!(gateway.metric("plimsoll_refused_requests_total", &["reason=\"target-too-long\""]), 1);
}

#[test]
fn the_size_of_a_body() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).limits("body = 10").start();
    let mut client = gateway.client();
    let declared = |size: usize| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n{}", "x".repeat(size))
    };
    let chunked = |size: usize| {
        let chunks = "1\r\nx\r\n".repeat(size);
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
    };
    assert_eq!(client.ask(declared(10)).status(), 200);
    assert_eq!(client.ask(chunked(10)).status(), 200);
    client.ask(declared(11)).assert_problem(413, "body-too-large");
    assert_eq!(gateway.metric("plimsoll_refused_requests_total", &["reason=\"body-too-large\""]), 1);
    gateway.client().ask(chunked(11)).assert_problem(413, "body-too-large");
    assert_eq!(gateway.metric("plimsoll_problems_total", &["kind=\"body-too-large\""]), 2);
    // A client that asks first is told before it sends.
    let mut asking = gateway.client();
    asking.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
    assert_eq!(asking.head().unwrap().status(), 413);
    // Nothing beyond the limit was passed on as a whole request.
    assert_eq!(origin.requests(), 2);
}

#[test]
fn the_time_of_a_head() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).limits("head-time = \"100ms\"").start();
    for begun in ["G", "GET / HTTP/1.1\r\nHost: a\r\nX: ", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut client = gateway.client();
        client.send(begun);
        client.response().assert_problem(408, "request-timeout");
        client.finish();
        client.ended();
    }
    assert_eq!(gateway.metric("plimsoll_refused_requests_total", &["reason=\"head-timeout\""]), 3);
    // Bytes that keep coming do not put it off.
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n");
    while client.is_quiet() {
        if client.try_send("X: y\r\n").is_err() {
            break;
        }
    }
    client.response().assert_problem(408, "request-timeout");
    assert_eq!(origin.requests(), 0);
}

#[test]
fn the_time_of_a_body() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).limits("body-time = \"100ms\"").start();
    for (begun, came) in [
        ("Content-Length: 10\r\n\r\nabc", "abc"),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "abc"),
        ("Content-Length: 10\r\n\r\n", "\r\n\r\n"),
    ] {
        let mut client = gateway.client();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{begun}"));
        let mut connection = origin.accept();
        connection.take_to(came.as_bytes()).unwrap();
        let response = client.response();
        response.assert_problem(408, "request-timeout");
        assert_eq!(response.field("connection"), Some("close"));
        client.finish();
        client.ended();
        connection.rest();
    }
    assert_eq!(gateway.metric("plimsoll_slow_clients_total", &["direction=\"upload\""]), 3);
    assert_eq!(gateway.metric("plimsoll_attempt_duration_seconds_count", &["outcome=\"caller\""]), 3);
    // Over HTTP/2 the other streams of the connection go on.
    converse(async {
        let mut sender = http2::client(gateway.address).await;
        let (response, mut body) = sender.send_request(http2::request("POST", "/"), false).unwrap();
        body.send_data("abc".into(), false).unwrap();
        assert_eq!(whole(response).await.unwrap().0.status(), 408);
        let reset = std::future::poll_fn(|cx| body.poll_reset(cx)).await.unwrap();
        assert_eq!(reset, h2::Reason::NO_ERROR);
        drop(until_seen(|| origin.try_accept()).await);
        let (response, _) = sender.send_request(http2::request("GET", "/"), true).unwrap();
        let mut connection = until_seen(|| origin.try_accept()).await;
        connection.expect_request();
        connection.respond("ok");
        assert_eq!(whole(response).await.unwrap().0.body(), b"ok");
    });
    assert_eq!(gateway.metric("plimsoll_slow_clients_total", &["direction=\"upload\""]), 4);
}

/// Bytes that the client sends once the response has begun may depend on it.
#[test]
fn the_time_of_a_body_ends_where_the_response_begins() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).limits("body-time = \"50ms\"").start();
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut connection = origin.accept();
    connection.head().unwrap();
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
    client.take_to(b"hi\r\n").unwrap();
    assert!((0..4).all(|_| client.is_quiet()), "longer than the limit");
    client.send("3\r\nyou\r\n0\r\n\r\n");
    connection.take_to(b"you\r\n").unwrap();
    connection.send("0\r\n\r\n");
    client.take_to(b"0\r\n\r\n").unwrap();
}

#[test]
fn the_time_between_requests() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).limits("idle-time = \"50ms\"").start();
    // Before the first request, and after one.
    let mut silent = gateway.client();
    assert_eq!(silent.ended(), End::Closed);
    let mut client = gateway.client();
    assert_eq!(client.get("/").text(), "ok");
    assert_eq!(client.ended(), End::Closed);
    gateway.until_metric("plimsoll_connections", &[], 0);
}

#[test]
fn connections_in_all() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).limits("connections = 2").start();
    let mut kept = [gateway.client(), gateway.client()];
    for client in &mut kept {
        assert_eq!(client.get("/").text(), "ok");
    }
    gateway.client().rest();
    gateway.until_metric("plimsoll_connections_refused_total", &["reason=\"too-many\""], 1);
    let [first, mut second] = kept;
    drop(first);
    gateway.until_metric("plimsoll_connections", &[], 1);
    assert_eq!(gateway.client().get("/").text(), "ok");
    assert_eq!(second.get("/").text(), "ok");
}

#[test]
fn connections_of_one_client() {
    let origin = Origin::responding(OK);
    let gateway = Setup::to(&origin).limits("per-client = 1").workers(2).start();
    let from =
        |last| Client::connect_from(gateway.address, Some(Ipv4Addr::new(127, 0, 0, last).into()), false);
    let (mut first, mut other) = (from(2), from(3));
    assert_eq!((first.get("/").text(), other.get("/").text()), ("ok", "ok"));
    from(2).rest();
    gateway.until_metric("plimsoll_connections_refused_total", &["reason=\"too-many-of-client\""], 1);
    drop(first);
    gateway.until_metric("plimsoll_connections", &[], 1);
    assert_eq!(from(2).get("/").text(), "ok");
}

/// A client that takes nothing is given up; until then nothing piles up for it.
#[test]
fn a_client_that_takes_nothing() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).limits("write-time = \"100ms\"").start();
    let mut client = Client::connect_from(gateway.address, None, true);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    let mut sent: u64 = 0;
    while connection.try_send(FILLING).is_ok() {
        sent += 65536;
    }
    // The sockets' own buffers take some megabytes; the gateway adds none of its own to speak of.
    assert!(sent < 100_000_000, "{sent} bytes for a client that takes none");
    gateway.until_metric("plimsoll_connections", &[], 0);
    assert_eq!(gateway.metric("plimsoll_slow_clients_total", &["direction=\"download\""]), 1);
}

/// An origin that takes nothing holds the uploader back.
#[test]
fn an_origin_that_takes_nothing() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin)
        .policy(r#"timeout = { idle = "100ms", first-byte = "15s", attempt = "15s", total = "15s" }"#)
        .start();
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    let connection = origin.accept();
    let mut sent: u64 = 0;
    while client.try_send(FILLING).is_ok() {
        sent += 65536;
    }
    assert!(sent < 100_000_000, "{sent} bytes for an origin that takes none");
    drop(connection);
}

/// Clients of IPv4 that a socket for both families shows as mapped addresses: each is a client of its own, and told on
/// and logged as what it is.
#[cfg(target_os = "linux")]
#[test]
fn mapped_ipv4_clients_have_a_bucket_each() {
    let origin = Origin::serving(|request, wire| {
        wire.respond(request.field("x-forwarded-for").unwrap_or("none"));
        Ok(())
    });
    let setup = Setup::to(&origin).policy(r#"rate-limit = { rate = "1/h", burst = 1, per = "client" }"#);
    // The gateway's own sockets are for one family each; a service manager may hand it one for both.
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
    socket.set_only_v6(false).unwrap();
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into()).unwrap();
    socket.listen(16).unwrap();
    let socket = TcpListener::from(socket);
    let port = socket.local_addr().unwrap().port();
    let mut spec = setup.spec();
    spec.listeners[0].listen = socket.local_addr().unwrap();
    let _gateway =
        Gateway::start_with(spec, &mut vec![socket], Time::TOKIO, Arc::new(SystemResolver)).unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    for last in 1..=3 {
        let from = IpAddr::from([127, 0, 0, last]);
        let mut client = Client::connect_from(address, Some(from), false);
        assert_eq!(client.get("/").text(), from.to_string());
        assert_eq!(client.get("/").status(), 429, "its own bucket is empty");
    }
}

/// A network of IPv6 in which this host has every address, in a process and a world of its own.
#[cfg(target_os = "linux")]
const WORLD: &str = "ip link set lo up && ip -6 route add local fd00:25::/64 dev lo && \
                     echo 1 > /proc/sys/net/ipv6/ip_nonlocal_bind && exec \"$0\" \"$@\"";

/// A client with one address of a /64 has them all: 70 of them are one client.
#[cfg(target_os = "linux")]
#[test]
fn the_addresses_of_a_64_share_one_clients_connections() {
    const INSIDE: &str = "PLIMSOLL_TEST_IN_A_NETWORK_OF_ITS_OWN";
    if std::env::var_os(INSIDE).is_none() {
        let unshared = std::process::Command::new("unshare")
            .args(["--map-root-user", "--net", "sh", "-c", WORLD])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "limits::the_addresses_of_a_64_share_one_clients_connections", "--nocapture"])
            .env(INSIDE, "1")
            .output();
        match unshared {
            Ok(ended) if ended.status.success() => {
                let said = String::from_utf8_lossy(&ended.stdout).into_owned();
                assert!(said.contains("1 passed"), "{said}");
            }
            // 101 is a test that has failed; anything else is a network that could not be made.
            Ok(ended) if ended.status.code() == Some(101) => {
                panic!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr))
            }
            other => println!("no network of its own to be had here: {other:?}"),
        }
        return;
    }
    let origin = Origin::responding(OK);
    let setup = Setup::to(&origin).limits("connections = 64").limits("per-client = 4");
    let mut spec = setup.spec();
    spec.listeners[0].listen = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let gateway = Gateway::start_with(spec, &mut Vec::new(), Time::TOKIO, Arc::new(SystemResolver)).unwrap();
    let address = gateway.addresses()[0];
    let connect = |last: u16, network: u16| {
        Client::connect_from(
            address,
            Some(Ipv6Addr::new(0xfd00, 0x25, 0, network, 0, 0, 0, last).into()),
            false,
        )
    };
    let clients: Vec<_> = (1..=70).map(|last| connect(last, 0)).collect();
    let served = clients.into_iter().filter_map(|mut client| {
        let sent = client.try_send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").is_ok();
        (sent && client.try_response("GET").is_ok()).then_some(client)
    });
    let served: Vec<_> = served.collect();
    assert_eq!(served.len(), 4, "as many as one client has");
    assert_eq!(connect(1, 0).try_response("GET").map(drop).map_err(drop), Err(()), "it still has them");
}
