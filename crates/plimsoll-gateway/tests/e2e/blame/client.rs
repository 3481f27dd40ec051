//! Faults of a client, and a lack of resources here, are no failures of an endpoint.

use super::{FRONTS, Front, HTTP2, get, state, touchy};
use crate::support::{
    Client, End, Origin, Running,
    http2::{self, Asked, Http2Serving, converse, request, until_seen, whole},
};
use bytes::Bytes;
use h2::Reason;
use http::Response;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

/// No machine has learnt of a failure.
#[track_caller]
fn assert_unblamed(gateway: &Running) {
    gateway.until_metric("plimsoll_requests_in_flight", &[], 0);
    assert!(state(gateway, "closed"));
    for none in ["plimsoll_ejections_total", "plimsoll_ejections_withheld_total", "plimsoll_retries_total"] {
        assert_eq!(gateway.metric(none, &[]), 0, "{none}");
    }
}

/// Reads whatever comes, and never responds.
async fn silent((request, _respond): Asked) {
    let _ = http2::read(request.into_body()).await;
    std::future::pending::<()>().await;
}

/// Sends a byte of a large body now and then, until the response is there: its status.
fn trickle(gateway: &Running, front: Front) -> u16 {
    match front {
        Front::Http1 => {
            let mut client = gateway.client();
            client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
            while client.is_quiet() && client.try_send("x").is_ok() {}
            client.response().status()
        }
        Front::Http2 => converse(async {
            let mut sender = http2::client(gateway.address).await;
            let (response, mut body) = sender.send_request(request("PUT", "/"), false).unwrap();
            let mut response = std::pin::pin!(whole(response));
            loop {
                match tokio::time::timeout(Duration::from_millis(50), response.as_mut()).await {
                    Ok(response) => return response.unwrap().0.status().as_u16(),
                    Err(_) => drop(body.send_data(Bytes::from_static(b"x"), false)),
                }
            }
        }),
    }
}

/// Reads a response that never ends by itself, until it breaks off.
fn download(gateway: &Running, front: Front) {
    match front {
        Front::Http1 => {
            let mut client = Client::connect_from(gateway.address, None, true);
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(client.head().unwrap().status(), 200);
            while client.take(4096).is_ok() {}
        }
        Front::Http2 => converse(async {
            let mut sender = http2::client(gateway.address).await;
            let (response, _) = sender.send_request(request("GET", "/"), true).unwrap();
            let mut body = response.await.unwrap().into_body();
            while let Some(Ok(chunk)) = body.data().await {
                body.flow_control().release_capacity(chunk.len()).unwrap();
            }
            assert!(!body.is_end_stream(), "broken off");
        }),
    }
}

/// Past `attempt` and `first-byte`, whose clocks stand still, up to `total`, which ends it.
fn a_slow_upload(upstream: &str, address: SocketAddr) {
    std::thread::scope(|scope| {
        for front in FRONTS {
            scope.spawn(move || {
                let gateway = touchy([address])
                    .upstream(upstream)
                    .policy(r#"timeout = { connect = "1s", first-byte = "1s", attempt = "1s", idle = "15s", total = "3s" }"#)
                    .start();
                assert_eq!(trickle(&gateway, front), 408, "{front:?}");
                assert_unblamed(&gateway);
                assert_eq!(gateway.metric("plimsoll_caller_timeouts_total", &["limit=\"total\""]), 1);
                assert_eq!(gateway.metric("plimsoll_timeouts_total", &[]), 0);
                assert_eq!(gateway.metric("plimsoll_attempts_total", &[]), 1);
            });
        }
    });
}

#[test]
fn a_slow_upload_is_the_clients() {
    let origin = Origin::by_hand();
    a_slow_upload("", origin.address);
}

#[test]
fn a_slow_upload_to_an_http2_endpoint_is_the_clients() {
    let origin = Http2Serving::by(silent);
    a_slow_upload(HTTP2, origin.address);
}

#[test]
fn a_slow_download_is_the_clients() {
    let http1 = Origin::serving(|_, wire| {
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(65536));
        loop {
            wire.try_send(&chunk).map_err(|_| End::Reset)?;
        }
    });
    let http2 = Http2Serving::by(|(_, mut respond)| async move {
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        loop {
            body.reserve_capacity(16384);
            match std::future::poll_fn(|cx| body.poll_capacity(cx)).await {
                Some(Ok(room)) => drop(body.send_data(Bytes::from(vec![b'x'; room]), false)),
                _ => return,
            }
        }
    });
    for (upstream, address) in [("", http1.address), (HTTP2, http2.address)] {
        for front in FRONTS {
            let gateway = touchy([address])
                .upstream(upstream)
                .policy(r#"timeout = { connect = "1s", first-byte = "1s", attempt = "1s", total = "1s" }"#)
                .start();
            // There is always more than the client has taken.
            download(&gateway, front);
            assert_unblamed(&gateway);
        }
    }
}

#[test]
fn a_request_body_that_breaks_off_says_nothing_of_the_endpoint() {
    let http1 = Origin::serving(|_, _| Err(End::Closed));
    let http2 = Http2Serving::by(silent);
    for (upstream, address) in [("", http1.address), (HTTP2, http2.address)] {
        let gateway = touchy([address]).upstream(upstream).start();
        let abandoned = |count| {
            gateway.until_metric("plimsoll_attempt_duration_seconds_count", &[], count);
            assert_unblamed(&gateway);
        };
        for (at, reset) in [(1, false), (2, true)] {
            let mut client = gateway.client();
            client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nab");
            gateway.until_metric("plimsoll_attempts_total", &[], at);
            if reset {
                client.into_wire().reset();
            } else {
                client.finish();
            }
            abandoned(at);
        }
        converse(async {
            let mut sender = http2::client(gateway.address).await;
            let (response, mut body) = sender.send_request(request("PUT", "/"), false).unwrap();
            body.send_data(Bytes::from_static(b"ab"), false).unwrap();
            until_seen(|| (gateway.metric("plimsoll_attempts_total", &[]) == 3).then_some(())).await;
            body.send_reset(Reason::CANCEL);
            drop(response);
            let all = || gateway.metric("plimsoll_attempt_duration_seconds_count", &[]);
            until_seen(|| (all() == 3).then_some(())).await;
        });
        abandoned(3);
    }
}

#[test]
fn a_responses_head_that_is_larger_than_we_take_is_no_failure() {
    let http1 = Origin::serving(|_, wire| {
        let head = format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(1 << 20));
        let _ = wire.try_send(head);
        Err(End::Closed)
    });
    let http2 = [64 << 10, 4 << 20].map(|size| {
        Http2Serving::by(move |(_, mut respond)| async move {
            let head = Response::builder().header("x", "a".repeat(size)).body(()).unwrap();
            let _ = respond.send_response(head, true);
            std::future::pending::<()>().await;
        })
    });
    let [large, flood] = &http2;
    for (upstream, address) in [("", http1.address), (HTTP2, large.address), (HTTP2, flood.address)] {
        for front in FRONTS {
            let gateway = touchy([address]).upstream(upstream).start();
            for _ in 0..3 {
                assert_eq!(get(&gateway, front, "/").0, 502, "{front:?} {upstream}");
            }
            assert_unblamed(&gateway);
        }
    }
}

#[test]
fn what_a_client_is_refused_for_is_not_the_endpoints() {
    let status = Arc::new(AtomicU16::new(404));
    let origin = Origin::serving({
        let status = Arc::clone(&status);
        move |_, wire| {
            wire.send(format!("HTTP/1.1 {} X\r\nContent-Length: 0\r\n\r\n", status.load(Ordering::SeqCst)));
            Ok(())
        }
    });
    let gateway = touchy([origin.address]).start();
    for code in [400, 404, 408, 413, 429] {
        status.store(code, Ordering::SeqCst);
        for front in FRONTS {
            assert_eq!(get(&gateway, front, "/").0, code);
        }
    }
    assert_unblamed(&gateway);
}
