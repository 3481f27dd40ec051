//! HTTP/2 beside clients and endpoints that take nothing: what is not read of one stream holds up no other.

use crate::support::{
    FILLING, Origin, Setup,
    http2::{Http2Origin, ask, client, client_with, converse, read, request, until_seen, whole},
};
use bytes::Bytes;
use http::Response;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// An origin of HTTP/2 that responds to `GET /large` without end and to everything else with `ok`, once its body has come, and
/// never reads the body of `/deaf`. Counts its connections.
fn serve(origin: Http2Origin, streams: u32) -> Arc<AtomicUsize> {
    let connections = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let stream = origin.accept_raw().await;
            counted.fetch_add(1, SeqCst);
            let shaken =
                h2::server::Builder::new().max_concurrent_streams(streams).handshake::<_, Bytes>(stream);
            tokio::spawn(async move {
                let Ok(mut connection) = shaken.await else { return };
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    tokio::spawn(async move {
                        let path = request.uri().path().to_owned();
                        if path == "/deaf" {
                            let _kept = (request, respond);
                            return std::future::pending::<()>().await;
                        }
                        if read(request.into_body()).await.is_err() {
                            return;
                        }
                        let Ok(mut sending) = respond.send_response(Response::new(()), false) else { return };
                        if path != "/large" {
                            let _gone = sending.send_data(Bytes::from_static(b"ok"), true);
                            return;
                        }
                        loop {
                            sending.reserve_capacity(FILLING.len());
                            match std::future::poll_fn(|cx| sending.poll_capacity(cx)).await {
                                Some(Ok(room)) if room > 0 => {
                                    let part = Bytes::from_static(&FILLING[..room.min(FILLING.len())]);
                                    if sending.send_data(part, false).is_err() {
                                        return;
                                    }
                                }
                                Some(Ok(_)) => {}
                                _ => return,
                            }
                        }
                    });
                }
            });
        }
    });
    connections
}

/// Clients that take nothing of large responses leave the connection to their endpoint to the others.
#[test]
fn downloads_that_nobody_reads_leave_the_endpoints_connection_open() {
    let origin = Http2Origin::listening();
    let gateway = Setup::to_addresses([origin.address])
        .upstream("protocol = \"h2\"")
        .upstream("pool = { connections = 1 }")
        .start();
    converse(async {
        let connections = serve(origin, 1000);
        let mut stuck = Vec::new();
        for _ in 0..16 {
            let mut sender = client(gateway.address).await;
            let (response, _) = sender.send_request(request("GET", "/large"), true).unwrap();
            stuck.push((response.await.unwrap(), sender));
        }
        let mut sender = client(gateway.address).await;
        for _ in 0..20 {
            assert_eq!(ask(&mut sender, request("GET", "/")).await.0.body(), b"ok");
        }
        assert_eq!(connections.load(SeqCst), 1);
        drop(stuck);
    });
}

/// Uploads that their endpoint does not read leave the client's connection to its other streams.
#[test]
fn uploads_that_nobody_reads_leave_the_clients_connection_open() {
    let deaf = Origin::by_hand();
    let origin = Origin::responding(OK);
    let good = format!(
        "[[route]]\npath = \"/deaf\"\nupstream = \"origin\"\npolicy = \"p\"\n[[route]]\nupstream = \"good\"\npolicy = \"p\"\n\
         [upstream.good]\nendpoints = [\"{}\"]\n",
        origin.address
    );
    // Longer than the test waits: no limit of theirs helps the others.
    let gateway = Setup::to(&deaf)
        .routes(&good)
        .policy(
            r#"timeout = { connect = "1m", first-byte = "1m", attempt = "1m", idle = "1m", total = "1m" }"#,
        )
        .start();
    converse(async {
        let mut sender = client(gateway.address).await;
        let mut stuck = Vec::new();
        for _ in 0..16 {
            let (response, mut body) = sender.send_request(request("POST", "/deaf"), false).unwrap();
            // As much as the stream's window takes, and more.
            for _ in 0..64 {
                body.send_data(Bytes::from_static(FILLING), false).unwrap();
            }
            stuck.push((response, body));
            let connection = until_seen(|| deaf.try_accept()).await;
            std::mem::forget(connection); // open, and never read
        }
        for _ in 0..20 {
            let (response, mut body) = sender.send_request(request("POST", "/"), false).unwrap();
            body.send_data(Bytes::from_static(FILLING), true).unwrap();
            assert_eq!(whole(response).await.unwrap().0.body(), b"ok");
        }
    });
}

/// A peer that allows few streams gets more connections, and no more than may be made.
#[test]
fn full_connections_are_joined_by_others_within_their_bound() {
    let origin = Http2Origin::listening();
    let gateway = Setup::to_addresses([origin.address])
        .upstream("protocol = \"h2\"")
        .upstream("pool = { connections = 3 }")
        .start();
    converse(async {
        let connections = serve(origin, 4);
        let mut sender = client(gateway.address).await;
        let mut held = Vec::new();
        for at in 1..=12 {
            let (response, body) = sender.send_request(request("POST", "/held"), false).unwrap();
            held.push((response, body));
            // What the endpoint allows is known once a response has come over the connection.
            let status = ask(&mut sender, request("GET", "/")).await.0.status().as_u16();
            assert_eq!(status, if at < 12 { 200 } else { 503 }, "{at}");
        }
        assert_eq!(connections.load(SeqCst), 3);
        drop(held);
    });
}

#[test]
fn a_connection_serves_so_many_requests_and_so_long() {
    for (protocol, pool) in [
        ("http1", "requests = 2"),
        ("h2", "requests = 2"),
        ("http1", "age = \"1ms\""),
        ("h2", "age = \"1ms\""),
    ] {
        let (origin, http1) = (Http2Origin::listening(), Origin::responding(OK));
        let address = if protocol == "h2" { origin.address } else { http1.address };
        let gateway = Setup::to_addresses([address])
            .upstream(&format!("protocol = \"{protocol}\""))
            .upstream(&format!("pool = {{ {pool} }}"))
            .start();
        converse(async {
            let _counted = serve(origin, 100);
            let mut sender = client(gateway.address).await;
            for _ in 0..4 {
                assert_eq!(ask(&mut sender, request("GET", "/")).await.0.body(), b"ok");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let made = gateway.metric("plimsoll_upstream_connects_total", &["result=\"ok\""]);
        assert_eq!(made, if pool.starts_with("age") { 4 } else { 2 }, "{protocol} {pool}");
    }
}

/// A response counts until its client has taken it, however early its endpoint was done.
#[test]
fn a_response_is_in_flight_until_it_is_taken() {
    const BODY: usize = 40_000;
    let whole_response: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n{}", "x".repeat(BODY)).into());
    let origin = Origin::responding(whole_response);
    let gateway = Setup::to(&origin).policy("bulkhead = { in-flight = 1, waiting = 0 }").start();
    converse(async {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(1000);
        let mut sender = client_with(gateway.address, &mut builder).await;
        let (response, _) = sender.send_request(request("GET", "/"), true).unwrap();
        let response = response.await.unwrap();
        // The endpoint has sent everything, and its connection is free.
        until_seen(|| (gateway.metric("plimsoll_upstream_idle_connections", &[]) == 1).then_some(())).await;
        assert_eq!(gateway.metric("plimsoll_requests_in_flight", &[]), 1);
        let (refused, _) = sender.send_request(request("GET", "/"), true).unwrap();
        assert_eq!(refused.await.unwrap().status(), 503, "its permit is held");
        assert_eq!(read(response.into_body()).await.unwrap().0.len(), BODY);
        until_seen(|| (gateway.metric("plimsoll_requests_in_flight", &[]) == 0).then_some(())).await;
        let (response, _) = ask(&mut sender, request("GET", "/")).await;
        assert_eq!(response.body().len(), BODY);
    });
}

/// A client that takes nothing at all loses its connection, whether its socket or its windows are shut.
#[test]
fn a_connection_that_takes_nothing_is_cut() {
    let origin = Origin::serving(|_, wire| {
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = [b"10000\r\n", FILLING, b"\r\n"].concat();
        while wire.try_send(&chunk).is_ok() {}
        Err(crate::support::End::Reset)
    });
    let gateway = Setup::to(&origin).limits("write-time = \"200ms\"").start();
    converse(async {
        // The windows stay shut.
        let stream = tokio::net::TcpStream::connect(gateway.address).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut sender = sender.ready().await.unwrap();
        let (response, _) = sender.send_request(request("GET", "/"), true).unwrap();
        let _unread = response.await.unwrap();
        let _ended = connection.await.unwrap();
        until_seen(|| (gateway.metric("plimsoll_connections", &[]) == 0).then_some(())).await;
        // The windows are open, and the socket is not read.
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(1 << 30).initial_connection_window_size(1 << 30);
        let stream = tokio::net::TcpStream::connect(gateway.address).await.unwrap();
        let (sender, mut connection) = builder.handshake::<_, Bytes>(stream).await.unwrap();
        let mut sender = sender;
        let (_response, _) = sender.send_request(request("GET", "/"), true).unwrap();
        // Its request goes out, and nothing is read from then on.
        let _pending = std::future::poll_fn(|cx| {
            let _polled = std::pin::Pin::new(&mut connection).poll(cx);
            std::task::Poll::Ready(())
        })
        .await;
        until_seen(|| (gateway.metric("plimsoll_connections", &[]) == 1).then_some(())).await;
        until_seen(|| (gateway.metric("plimsoll_connections", &[]) == 0).then_some(())).await;
    });
    gateway.until_metric("plimsoll_requests_in_flight", &[], 0);
}

/// Of a connection whose other streams are read, only the stream that is not is reset.
#[test]
fn a_stream_that_is_not_taken_is_reset_alone() {
    let large: &'static str = Box::leak(
        format!("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{}", "x".repeat(1_000_000)).into(),
    );
    let (origin, quiet) = (Origin::responding(large), Origin::by_hand());
    let routes = format!(
        "[[route]]\npath = \"/quiet\"\nupstream = \"quiet\"\npolicy = \"p\"\n[[route]]\nupstream = \"origin\"\npolicy = \"p\"\n\
         [upstream.quiet]\nendpoints = [\"{}\"]\n",
        quiet.address
    );
    let gateway = Setup::to(&origin).routes(&routes).limits("write-time = \"200ms\"").start();
    converse(async {
        let mut sender = client(gateway.address).await;
        let (waits, _) = sender.send_request(request("GET", "/quiet"), true).unwrap();
        let mut held = until_seen(|| quiet.try_accept()).await;
        held.expect_request();
        let (response, _) = sender.send_request(request("GET", "/"), true).unwrap();
        let response = response.await.unwrap();
        until_seen(|| {
            (gateway.metric("plimsoll_slow_clients_total", &["direction=\"download\""]) == 1).then_some(())
        })
        .await;
        let error = read(response.into_body()).await.unwrap_err();
        assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
        held.respond("still here");
        assert_eq!(whole(waits).await.unwrap().0.body(), b"still here");
    });
}

/// An idle connection is not asked whether anybody is there; one with a silent request is.
#[test]
fn only_a_connection_with_streams_is_pinged() {
    let origin = Http2Origin::listening();
    let gateway = Setup::to_addresses([origin.address])
        .upstream("protocol = \"h2\"")
        .upstream("pool = { ping = \"20ms\", idle-time = \"1h\" }")
        .start();
    converse(async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut sender = client(gateway.address).await;
        let (response, _) = sender.send_request(request("GET", "/"), true).unwrap();
        let mut stream = origin.accept_raw().await;
        stream.write_all(b"\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let mut greeting = [0; 24];
        stream.read_exact(&mut greeting).await.unwrap();
        let mut frame = async || {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.ok()?;
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            stream.read_exact(&mut payload).await.ok()?;
            // A ping gets its acknowledgement; the first one has the request responded to, too.
            if (head[3], head[4]) == (6, 0) {
                let mut both = b"\0\0\x01\x01\x05\0\0\0\x01\x89".to_vec();
                both.extend([0, 0, 8, 6, 1, 0, 0, 0, 0]);
                both.extend(&payload);
                stream.write_all(&both).await.ok()?;
            }
            Some(head[3])
        };
        while frame().await.expect("a ping comes, while the request waits") != 6 {}
        assert_eq!(response.await.unwrap().status(), 204);
        // Ten times the interval without a request.
        let quiet = tokio::time::timeout(Duration::from_millis(200), async {
            while frame().await.expect("it stays open") != 6 {}
        });
        assert!(quiet.await.is_err(), "an idle connection has been pinged");
    });
}
