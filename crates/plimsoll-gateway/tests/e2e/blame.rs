//! Who is to blame: what a client does, and what we lack, tells the machines nothing of an endpoint; what an endpoint does
//! tells them all of it, its body included.

use crate::support::{
    Client, End, Origin, Request, Running, Setup, Wire,
    http2::{self, Asked, Http2Serving, converse, request, until_seen, whole},
    until,
};
use bytes::Bytes;
use h2::Reason;
use http::{Response, header};
use plimsoll::telemetry::Format;
use plimsoll_gateway::control::Control;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const RETRY: &str = r#"retry = { attempts = 3, backoff = "1ms..2ms", budget = "100%", reserve = 100 }"#;
/// One failure opens it, and it stays open.
const TOUCHY: &str =
    r#"breaker = { minimum-calls = 1, failure-ratio = "1%", open = "60s", max-open = "60s" }"#;
const HTTP2: &str = "protocol = \"h2\"";

/// What a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Front {
    Http1,
    Http2,
}

const FRONTS: [Front; 2] = [Front::Http1, Front::Http2];

/// A gateway whose machines make the most of the least failure.
fn touchy(endpoints: impl IntoIterator<Item = SocketAddr>) -> Setup {
    Setup::to_addresses(endpoints)
        .upstream("ejection = { consecutive-failures = 1 }")
        .policy(TOUCHY)
        .policy(RETRY)
}

fn state(gateway: &Running, state: &str) -> bool {
    gateway.metric("plimsoll_breaker_state", &[&format!("state=\"{state}\"")]) == 1
}

/// No machine has learnt of a failure.
#[track_caller]
fn assert_unblamed(gateway: &Running) {
    gateway.until_metric("plimsoll_requests_in_flight", &[], 0);
    assert!(state(gateway, "closed"));
    for none in ["plimsoll_ejections_total", "plimsoll_ejections_withheld_total", "plimsoll_retries_total"] {
        assert_eq!(gateway.metric(none, &[]), 0, "{none}");
    }
}

/// Reads whatever comes, and never answers.
async fn silent((request, _respond): Asked) {
    let _ = http2::read(request.into_body()).await;
    std::future::pending::<()>().await;
}

/// Asks from a connection of its own: the status, and the body if it came whole.
fn get(gateway: &Running, front: Front, path: &str) -> (u16, Option<Vec<u8>>) {
    match front {
        Front::Http1 => {
            let mut client = gateway.client();
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
            match client.try_answer("GET") {
                Ok(answer) => (answer.status(), Some(answer.body)),
                Err((_, answer)) => (answer.map_or(0, |answer| answer.status()), None),
            }
        }
        Front::Http2 => converse(async {
            let mut sender = http2::client(gateway.address).await;
            let (response, _) = sender.send_request(request("GET", path), true).unwrap();
            let Ok(response) = response.await else { return (0, None) };
            let (parts, body) = response.into_parts();
            (parts.status.as_u16(), http2::read(body).await.ok().map(|(body, _)| body))
        }),
    }
}

/// Sends a byte of a large body now and then, until the answer is there: its status.
fn trickle(gateway: &Running, front: Front) -> u16 {
    match front {
        Front::Http1 => {
            let mut client = gateway.client();
            client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
            while client.is_quiet() && client.try_send("x").is_ok() {}
            client.answer().status()
        }
        Front::Http2 => converse(async {
            let mut sender = http2::client(gateway.address).await;
            let (response, mut body) = sender.send_request(request("PUT", "/"), false).unwrap();
            let mut answer = std::pin::pin!(whole(response));
            loop {
                match tokio::time::timeout(Duration::from_millis(50), answer.as_mut()).await {
                    Ok(answer) => return answer.unwrap().0.status().as_u16(),
                    Err(_) => drop(body.send_data(Bytes::from_static(b"x"), false)),
                }
            }
        }),
    }
}

/// Reads an answer that never ends by itself, until it breaks off.
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

/// An origin that first fails, and then begins answers that it ends only when it is told to.
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

/// Asks until it is let through; the answer has begun.
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
            let answer = ask().await;
            if answer.headers().contains_key("grpc-status") {
                tokio::time::sleep(Duration::from_millis(1)).await;
            } else {
                probes.push(answer);
            }
        }
        assert!(state(&gateway, "closed"));
    });
}

#[test]
fn a_hedge_without_another_endpoint_does_not_go() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin).policy(r#"hedge = { after = "20ms", budget = "100%" }"#).start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    gateway.until_metric("plimsoll_hedges_denied_total", &["reason=\"no-endpoint\""], 1);
    connection.respond("first");
    assert_eq!(client.answer().text(), "first");
    assert_eq!(origin.connections(), 1);
    assert_eq!(gateway.metric("plimsoll_hedges_total", &["event=\"started\""]), 0);
}

#[test]
fn a_hedge_goes_to_the_other_endpoint() {
    let origins = [Origin::by_hand(), Origin::by_hand()];
    let gateway = Setup::to_all(&[&origins[0], &origins[1]])
        .policy(r#"hedge = { after = "20ms", budget = "100%" }"#)
        .start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut asked = [origins[0].accept(), origins[1].accept()];
    for connection in &mut asked {
        connection.expect_request();
    }
    assert_eq!(gateway.metric("plimsoll_hedges_total", &["event=\"started\""]), 1);
    assert_eq!(origins.each_ref().map(Origin::connections), [1, 1]);
}

#[test]
fn a_retry_without_an_endpoint_gives_the_endpoints_own_answer() {
    let (down, checks) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let origin = Origin::serving(move |request, wire| {
        if request.target() == "/health" {
            let status = if down.load(Ordering::SeqCst) { 500 } else { 200 };
            checks.fetch_add(1, Ordering::SeqCst);
            wire.send(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"));
            return Ok(());
        }
        down.store(true, Ordering::SeqCst);
        let before = checks.load(Ordering::SeqCst);
        // The first of them may have been good, and of the last the gateway does not know yet.
        until("it is unhealthy", || (checks.load(Ordering::SeqCst) >= before + 3).then_some(()));
        wire.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
        Ok(())
    });
    let setup = Setup::to(&origin)
        .upstream(r#"health = { path = "/health", every = "10ms", timeout = "10ms", unhealthy-after = 1 }"#)
        .upstream(r#"panic-threshold = "0%""#)
        .policy(RETRY);
    converse(async {
        let control = Control::start(setup.spec(), None).await.unwrap();
        let address = control.gateway().addresses()[0];
        let asking = tokio::task::spawn_blocking(move || Client::connect(address).get("/"));
        let answer = asking.await.unwrap();
        assert_eq!((answer.status(), answer.text(), answer.field("proxy-status")), (503, "busy", None));
        let metrics = control.gateway().registry().render(Format::Prometheus);
        let denied = |line: &str| {
            line.starts_with("plimsoll_retries_denied_total") && line.contains("reason=\"no-endpoint\"")
        };
        assert!(metrics.lines().any(|line| denied(line) && line.ends_with(" 1")), "{metrics}");
    });
}

#[test]
fn a_queued_call_never_enters_an_open_breaker() {
    let origin = Origin::by_hand();
    let gateway = Setup::to(&origin)
        .policy(TOUCHY)
        .policy(r#"bulkhead = { in-flight = 1, waiting = 10, wait = "15s" }"#)
        .start();
    let mut holder = gateway.client();
    holder.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut connection = origin.accept();
    connection.expect_request();
    let mut queued: Vec<Client> = (0..10)
        .map(|_| {
            let mut client = gateway.client();
            client.send("GET /queued HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        })
        .collect();
    gateway.until_metric("plimsoll_bulkhead_waiting", &[], 10);
    connection.send("HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!(holder.answer().status(), 500);
    for client in &mut queued {
        client.answer().assert_problem(503, "circuit-open");
    }
    assert_eq!(origin.connections(), 1);
    assert!(!String::from_utf8_lossy(&origin.log()).contains("/queued"));
}

fn busy(after: u32) -> Origin {
    Origin::serving(move |_, wire| {
        wire.send(format!("HTTP/1.1 503 Busy\r\nRetry-After: {after}\r\nContent-Length: 4\r\n\r\nbusy"));
        Ok(())
    })
}

#[test]
fn a_replica_that_asks_to_be_left_alone_costs_nothing_while_another_is_idle() {
    let (asks, idle) = (busy(30), Origin::answering(OK));
    let gateway = Setup::to_all(&[&asks, &idle]).policy(RETRY).start();
    let mut client = gateway.client();
    for _ in 0..4 {
        assert_eq!(client.get("/").text(), "ok");
    }
    assert!(asks.requests() >= 1);
    assert_eq!((idle.requests(), gateway.metric("plimsoll_timeouts_total", &[])), (4, 0));
}

#[test]
fn where_all_ask_to_be_left_alone_past_the_deadline_the_answer_comes_at_once() {
    let (one, other) = (busy(30), busy(40));
    let gateway =
        Setup::to_all(&[&one, &other]).policy(RETRY).policy(r#"timeout = { total = "4s" }"#).start();
    let answer = gateway.client().get("/");
    assert_eq!((answer.status(), answer.text(), answer.field("proxy-status")), (503, "busy", None));
    assert!(["30", "40"].contains(&answer.field("retry-after").unwrap()));
    assert_eq!((one.requests(), other.requests()), (1, 1));
    assert_eq!(gateway.metric("plimsoll_retries_denied_total", &["reason=\"no-time\""]), 1);
}

#[test]
fn where_all_ask_to_be_left_alone_within_the_deadline_the_call_waits() {
    let count = Arc::<AtomicUsize>::default();
    let origins = [(); 2].map(|()| {
        let count = Arc::clone(&count);
        Origin::serving(move |_, wire| {
            wire.send(if count.fetch_add(1, Ordering::SeqCst) < 2 {
                "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy"
            } else {
                OK
            });
            Ok(())
        })
    });
    let gateway = Setup::to_all(&[&origins[0], &origins[1]]).policy(RETRY).start();
    assert_eq!(gateway.client().get("/").text(), "ok");
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn an_answers_head_that_is_larger_than_we_take_is_no_failure() {
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

/// Answers with a good head, and breaks off within the body.
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
    let good = Origin::answering(OK);
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
