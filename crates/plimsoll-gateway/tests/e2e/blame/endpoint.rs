//! Outcomes at an endpoint count as soon as they are known: success at the head, a failure whenever it comes.

use super::{FRONTS, Front, HTTP2, OK, get, state};
use crate::support::{
    Client, End, Origin, Request, Running, Setup, Wire,
    http2::{self, Http2Serving, converse, request},
    until,
};
use bytes::Bytes;
use h2::Reason;
use http::{Response, header};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// An origin that first fails, and then begins responses that it ends only when it is told to.
struct Holding {
    origin: Origin,
    fails: Arc<AtomicBool>,
    goes: Arc<AtomicBool>,
}

fn holding() -> Holding {
    let (fails, goes) = (Arc::new(AtomicBool::new(true)), Arc::<AtomicBool>::default());
    let origin = Origin::serving({
        let (fails, goes) = (Arc::clone(&fails), Arc::clone(&goes));
        move |_, wire| {
            if fails.load(Ordering::SeqCst) {
                wire.send("HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\nno");
                return Ok(());
            }
            wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
            until("it may go on", || goes.load(Ordering::SeqCst).then_some(()));
            wire.try_send("0\r\n\r\n").map_err(|_| End::Reset)
        }
    });
    Holding { origin, fails, goes }
}

/// Asks until it is let through; the response has begun.
#[track_caller]
fn begun(gateway: &Running) -> Client {
    until("it is let through", || {
        let mut client = gateway.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        (client.head().unwrap().status() == 200).then(|| {
            client.take_to(b"hi\r\n").unwrap();
            client
        })
    })
}

#[test]
fn half_open_closes_by_its_probes_heads() {
    let Holding { origin, fails, goes } = holding();
    let gateway = Setup::to(&origin)
        .policy(r#"breaker = { minimum-calls = 1, failure-ratio = "1%", open = "50ms", max-open = "50ms", jitter = "0%", probes = 2, half-open = "60s" }"#)
        .start();
    assert_eq!(gateway.client().get("/").status(), 500);
    assert!(state(&gateway, "open"));
    fails.store(false, Ordering::SeqCst);
    let mut probes = [begun(&gateway), begun(&gateway)];
    assert!(state(&gateway, "closed"));
    goes.store(true, Ordering::SeqCst);
    for probe in &mut probes {
        probe.take_to(b"0\r\n\r\n").unwrap();
    }
    assert!(state(&gateway, "closed"));
}

/// Over gRPC too, where the trailers have the last word.
#[test]
fn half_open_closes_by_the_heads_of_grpc() {
    let fails = Arc::new(AtomicBool::new(true));
    let origin = Http2Serving::by({
        let fails = Arc::clone(&fails);
        move |(_, mut respond)| {
            let mut head = Response::builder().header(header::CONTENT_TYPE, "application/grpc");
            let fails = fails.load(Ordering::SeqCst);
            if fails {
                head = head.header("grpc-status", "14");
            }
            async move {
                let _body = respond.send_response(head.body(()).unwrap(), fails).unwrap();
                std::future::pending::<()>().await;
            }
        }
    });
    let gateway = Setup::to_addresses([origin.address])
        .upstream(HTTP2)
        .policy(r#"breaker = { minimum-calls = 1, failure-ratio = "1%", open = "50ms", max-open = "50ms", jitter = "0%", probes = 2, half-open = "60s" }"#)
        .start();
    converse(async {
        let mut sender = http2::client(gateway.address).await;
        let mut ask = async || {
            let mut asked = request("POST", "/s/m");
            asked.headers_mut().insert(header::CONTENT_TYPE, "application/grpc".parse().unwrap());
            sender.send_request(asked, true).unwrap().0.await.unwrap()
        };
        assert_eq!(ask().await.headers()["grpc-status"], "14");
        assert!(state(&gateway, "open"));
        fails.store(false, Ordering::SeqCst);
        let mut probes = Vec::new();
        while probes.len() < 2 {
            let response = ask().await;
            if response.headers().contains_key("grpc-status") {
                tokio::time::sleep(Duration::from_millis(1)).await;
            } else {
                probes.push(response);
            }
        }
        assert!(state(&gateway, "closed"));
    });
}

/// Responds with a good head, and breaks off within the body.
fn breaking(_: &Request, wire: &mut Wire) -> Result<(), End> {
    wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab");
    Err(End::Closed)
}

/// A verdict of success that turns out wrong is one failure, and no success besides.
const MOSTLY: &str =
    r#"breaker = { window = 8, minimum-calls = 4, failure-ratio = "80%", open = "60s", max-open = "60s" }"#;

#[test]
fn bodies_that_break_off_open_the_breaker() {
    let http1 = Origin::serving(breaking);
    let http2 = Http2Serving::by(|(_, mut respond)| async move {
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        body.send_data(Bytes::from_static(b"ab"), false).unwrap();
        // So that the head is seen before the end.
        tokio::time::sleep(Duration::from_millis(20)).await;
        body.send_reset(Reason::INTERNAL_ERROR);
    });
    for (upstream, address) in [("", http1.address), (HTTP2, http2.address)] {
        for front in FRONTS {
            let gateway = Setup::to_addresses([address]).upstream(upstream).policy(MOSTLY).start();
            for _ in 0..4 {
                assert!(state(&gateway, "closed"), "{front:?} {upstream}");
                assert!(!matches!(get(&gateway, front, "/"), (200, Some(_))), "{front:?} {upstream}");
                gateway.until_metric("plimsoll_requests_in_flight", &[], 0);
            }
            assert!(state(&gateway, "open"), "{front:?} {upstream}");
        }
    }
}

#[test]
fn a_bad_status_in_trailers_opens_the_breaker() {
    let origin = Http2Serving::by(|(_, mut respond)| async move {
        let head = Response::builder().header(header::CONTENT_TYPE, "application/grpc").body(()).unwrap();
        let mut body = respond.send_response(head, false).unwrap();
        body.send_data(Bytes::from_static(b"\0\0\0\0\0"), false).unwrap();
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", "14".parse().unwrap());
        body.send_trailers(trailers).unwrap();
    });
    let gateway = Setup::to_addresses([origin.address]).upstream(HTTP2).policy(MOSTLY).start();
    for _ in 0..4 {
        assert!(state(&gateway, "closed"));
        assert_eq!(get(&gateway, Front::Http2, "/s/m").0, 200);
        gateway.until_metric("plimsoll_requests_in_flight", &[], 0);
    }
    assert!(state(&gateway, "open"));
}

/// Downloads that began well and end only now do not speak for a host that fails by now.
#[test]
fn a_failing_host_is_ejected_among_downloads() {
    let (goes, held) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let failing = Origin::serving({
        let (goes, held) = (Arc::clone(&goes), Arc::clone(&held));
        move |request, wire| {
            if request.target() == "/bad" {
                wire.send("HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\nno");
                return Ok(());
            }
            let turn = held.fetch_add(1, Ordering::SeqCst);
            wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
            until("its turn", || (goes.load(Ordering::SeqCst) > turn).then_some(()));
            wire.try_send("0\r\n\r\n").map_err(|_| End::Reset)
        }
    });
    let good = Origin::responding(OK);
    let gateway =
        Setup::to_all(&[&failing, &good]).upstream("ejection = { consecutive-failures = 3 }").start();
    let mut downloads = Vec::new();
    while downloads.len() < 3 {
        let mut client = gateway.client();
        client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
        if client.head().unwrap().field("transfer-encoding").is_some() {
            client.take_to(b"hi\r\n").unwrap();
            downloads.push(client);
        }
    }
    for (turn, download) in downloads.iter_mut().enumerate() {
        until("it fails", || (gateway.client().get("/bad").status() == 500).then_some(()));
        goes.store(turn + 1, Ordering::SeqCst);
        download.take_to(b"0\r\n\r\n").unwrap();
    }
    assert_eq!(gateway.metric("plimsoll_ejections_total", &["reason=\"consecutive-failures\""]), 1);
}
