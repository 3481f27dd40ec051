//! Second attempts: only where they are safe, elsewhere if there is an elsewhere, and within their bounds.

use crate::support::{End, Origin, Running, Setup, refused_address, until};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

const RETRY: &str = r#"retry = { attempts = 3, backoff = "1ms..2ms", budget = "100%", reserve = 100 }"#;
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";

/// Breaks the connection at the first request of every one.
fn resetting() -> Origin {
    Origin::serving(|_, _| Err(End::Reset))
}

fn retried(gateway: &Running, cause: &str) -> i64 {
    gateway.metric("plimsoll_retries_total", &[&format!("cause=\"{cause}\"")])
}

#[test]
fn an_idempotent_request_is_sent_again_elsewhere() {
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let (bad, good) = (resetting(), Origin::responding("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        let gateway = Setup::to_all(&[&bad, &good]).policy(RETRY).start();
        let mut client = gateway.client();
        // Whichever of them the first attempt meets, no response is lost, and no attempt meets the bad one twice.
        for _ in 0..2 {
            client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert_eq!(client.response_to(method).status(), 200, "{method}");
        }
        assert!(bad.requests() >= 1, "{method}");
        assert_eq!((good.requests(), retried(&gateway, "reset")), (2, bad.requests() as i64), "{method}");
    }
}

#[test]
fn a_request_that_may_not_be_repeated_is_not() {
    for method in ["POST", "PATCH", "BREW"] {
        let (bad, good) = (resetting(), Origin::responding(OK));
        let gateway = Setup::to_all(&[&bad, &good]).policy(RETRY).start();
        let mut client = gateway.client();
        let mut problems = 0;
        for _ in 0..2 {
            let response =
                client.ask(format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"));
            if response.status() != 200 {
                response.assert_problem(502, "upstream-broken");
                problems += 1;
            }
        }
        assert_eq!((problems, bad.requests(), good.requests()), (1, 1, 1), "{method}");
        assert_eq!(gateway.metric("plimsoll_retries_denied_total", &["reason=\"not-safe\""]), 1, "{method}");
    }
}

#[test]
fn a_key_makes_it_safe() {
    let (bad, good) = (
        resetting(),
        Origin::serving(|request, wire| {
            assert_eq!((request.field("idempotency-key"), &*request.body), (Some("k"), &b"hi"[..]));
            wire.respond("ok");
            Ok(())
        }),
    );
    let gateway = Setup::to_all(&[&bad, &good]).policy(RETRY).start();
    let mut client = gateway.client();
    for _ in 0..2 {
        let response =
            client.ask("POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\nContent-Length: 2\r\n\r\nhi");
        assert_eq!(response.text(), "ok");
    }
    assert!(bad.requests() >= 1);
    assert_eq!((good.requests(), retried(&gateway, "reset")), (2, bad.requests() as i64));
}

/// A request that never left cannot have had an effect: even a `POST` is sent to the next endpoint.
#[test]
fn a_request_that_never_left_is_sent_again_whatever_it_is() {
    let good = Origin::responding(OK);
    let gateway = Setup::to_addresses([refused_address(), good.address]).policy(RETRY).start();
    let mut client = gateway.client();
    for _ in 0..4 {
        let response = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        assert_eq!(response.text(), "ok");
    }
    assert_eq!(good.requests(), 4);
    assert!(retried(&gateway, "connect") >= 2);
}

#[test]
fn responses_that_say_so_are_retried_and_others_passed_on() {
    for status in [502, 503, 504] {
        let bad = Origin::serving(move |_, wire| {
            wire.try_send(format!("HTTP/1.1 {status} Bad\r\nContent-Length: 4\r\n\r\nbusy"))
                .map_err(|_| End::Reset)
        });
        let good = Origin::responding(OK);
        let gateway = Setup::to_all(&[&bad, &good]).policy(RETRY).start();
        let mut client = gateway.client();
        for _ in 0..4 {
            assert_eq!(client.get("/").text(), "ok", "{status}");
        }
        assert!(bad.requests() >= 1, "{status}");
        assert_eq!(retried(&gateway, &format!("status-{status}")), bad.requests() as i64);
    }
    for status in [400, 404, 429, 500, 501] {
        let origin = Origin::serving(move |_, wire| {
            wire.send(format!("HTTP/1.1 {status} Odd\r\nContent-Length: 4\r\nX-Own: 1\r\n\r\nself"));
            Ok(())
        });
        let gateway = Setup::to(&origin).policy(RETRY).start();
        let response = gateway.client().get("/");
        assert_eq!(
            (response.status(), response.text(), response.field("x-own")),
            (status, "self", Some("1"))
        );
        assert_eq!((origin.requests(), response.field("proxy-status")), (1, None));
    }
}

#[test]
fn the_endpoints_own_response_comes_when_no_retry_is_left() {
    let origin = Origin::responding(BUSY);
    let gateway = Setup::to(&origin).policy(RETRY).start();
    let response = gateway.client().get("/");
    assert_eq!((response.status(), response.text(), response.field("proxy-status")), (503, "busy", None));
    assert_eq!(origin.requests(), 3);
    // A request that may not be repeated has it at once.
    let response = gateway.client().ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((response.status(), response.text()), (503, "busy"));
    assert_eq!(origin.requests(), 4);
}

#[test]
fn an_attempt_that_hangs_is_given_up_for_another() {
    let hanging = Origin::by_hand();
    let good = Origin::responding(OK);
    let gateway = Setup::to_all(&[&hanging, &good])
        .policy(RETRY)
        .policy(r#"timeout = { attempt = "100ms", first-byte = "100ms", total = "15s" }"#)
        .start();
    let mut client = gateway.client();
    for _ in 0..2 {
        assert_eq!(client.get("/").text(), "ok");
    }
    let mut given_up = hanging.accept();
    assert!(given_up.expect_request().target() == "/");
    given_up.rest();
    assert!(retried(&gateway, "timeout") >= 1);
}

#[test]
fn a_body_within_the_bound_is_sent_again_whole() {
    let (bad, good) = (
        resetting(),
        Origin::serving(|request, wire| {
            assert_eq!(request.trailers, [("x-sum".to_owned(), "1".to_owned())]);
            wire.respond(&request.body.len().to_string());
            Ok(())
        }),
    );
    let gateway = Setup::to_all(&[&bad, &good]).policy(RETRY).limits("replay = \"64KiB\"").start();
    let mut client = gateway.client();
    for _ in 0..2 {
        client.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..5 {
            client.send(format!("1000\r\n{}\r\n", "x".repeat(4096)));
        }
        client.send("0\r\nx-sum: 1\r\n\r\n");
        assert_eq!(client.response().text(), "20480");
    }
    assert!(bad.requests() >= 1);
    assert_eq!(good.requests(), 2);
}

/// Over the bound only the retry is given up, never the request.
#[test]
fn a_body_over_the_bound_is_sent_once() {
    let body = "x".repeat(200_000);
    let put = format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let good = Origin::serving(|request, wire| {
        wire.respond(&request.body.len().to_string());
        Ok(())
    });
    let gateway = Setup::to(&good).policy(RETRY).limits("replay = \"1KiB\"").start();
    assert_eq!(gateway.client().ask(&put).text(), "200000");

    let bad = resetting();
    let gateway = Setup::to_all(&[&bad, &good]).policy(RETRY).limits("replay = \"1KiB\"").start();
    let responses: Vec<u16> = (0..2).map(|_| gateway.client().ask(&put).status()).collect();
    assert!(responses.contains(&200) && responses.contains(&502), "{responses:?}");
    assert_eq!(gateway.metric("plimsoll_retries_denied_total", &["reason=\"not-replayable\""]), 1);
    assert_eq!((bad.requests(), good.requests()), (1, 2));
}

#[test]
fn retry_after_is_waited_for_and_not_past_the_deadline() {
    let count = Arc::new(AtomicUsize::new(0));
    let origin = Origin::serving({
        let count = Arc::clone(&count);
        move |request, wire| {
            let after = if request.target() == "/soon" { 0 } else { 3600 };
            if count.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
                wire.send(format!("HTTP/1.1 503 Busy\r\nRetry-After: {after}\r\nContent-Length: 0\r\n\r\n"));
            } else {
                wire.send(OK);
            }
            Ok(())
        }
    });
    let gateway = Setup::to(&origin).policy(RETRY).policy(r#"timeout = { total = "4s" }"#).start();
    assert_eq!(gateway.client().get("/soon").text(), "ok");
    let refused = gateway.client().get("/later");
    assert_eq!((refused.status(), refused.field("retry-after")), (503, Some("3600")));
    assert_eq!(count.load(Ordering::SeqCst), 3);
    assert_eq!(gateway.metric("plimsoll_retries_denied_total", &["reason=\"no-time\""]), 1);
}

/// A full outage costs its origin no more than the budget allows, whatever each call would like.
#[test]
fn an_outage_is_not_amplified_beyond_the_budget() {
    let origin = Origin::responding(BUSY);
    let gateway = Setup::to(&origin)
        .policy(r#"retry = { attempts = 5, backoff = "1ms..1ms", budget = "20%", reserve = 0 }"#)
        .start();
    let calls = 300;
    let mut client = gateway.client();
    for _ in 0..calls {
        assert_eq!(client.get("/").status(), 503);
    }
    let sent = origin.requests();
    assert!(sent <= calls + calls / 5, "{sent} attempts for {calls} calls");
    assert!(sent > calls, "the budget is there to be used");
    assert!(gateway.metric("plimsoll_retries_denied_total", &["reason=\"budget\""]) > 0);
}

#[test]
fn a_broken_body_is_not_retried_once_it_has_begun() {
    let origin = Origin::serving(|_, wire| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
        Err(End::Reset)
    });
    let gateway = Setup::to(&origin).policy(RETRY).start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let got = client.try_response("GET");
    assert!(got.is_err() || got.is_ok_and(|response| response.status() == 502));
    assert_eq!(origin.requests(), 1);
    gateway.until_metric("plimsoll_bodies_failed_total", &["outcome=\"broken\""], 1);
}

#[test]
fn a_slow_attempt_is_hedged_elsewhere_and_the_loser_given_up() {
    let slow = Origin::by_hand();
    let fast = Origin::responding(OK);
    let gateway = Setup::to_all(&[&slow, &fast])
        .policy(r#"hedge = { after = "50ms", budget = "100%" }"#)
        .policy(RETRY)
        .start();
    let mut client = gateway.client();
    let mut loser = until("a request meets the slow one", || {
        assert_eq!(client.get("/").text(), "ok");
        slow.try_accept()
    });
    loser.expect_request();
    loser.rest();
    assert!(gateway.metric("plimsoll_hedges_total", &["event=\"won\""]) >= 1);
    let started = gateway.metric("plimsoll_hedges_total", &["event=\"started\""]);
    // Never for what may not be repeated.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    let mut first = [slow.try_accept(), None];
    if first[0].is_none() && client.is_quiet() {
        first[0] = Some(slow.accept());
    }
    if let Some(connection) = &mut first[0] {
        connection.expect_request();
        assert!(client.is_quiet() && client.is_quiet());
        connection.respond("ok");
    }
    assert_eq!(client.response().text(), "ok");
    assert_eq!(gateway.metric("plimsoll_hedges_total", &["event=\"started\""]), started);
}

#[test]
fn a_hedge_that_loses_is_given_up() {
    let origins = [Origin::by_hand(), Origin::by_hand()];
    let gateway = Setup::to_all(&[&origins[0], &origins[1]])
        .policy(r#"hedge = { after = "50ms", budget = "100%" }"#)
        .policy(RETRY)
        .start();
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (first, mut connection) =
        until("the first attempt", || (0..2).find_map(|at| Some((at, origins[at].try_accept()?))));
    connection.expect_request();
    let mut hedge = origins[1 - first].accept();
    hedge.expect_request();
    connection.respond("first");
    assert_eq!(client.response().text(), "first");
    assert_eq!(hedge.rest().0, b"");
    assert_eq!(gateway.metric("plimsoll_hedges_total", &["event=\"lost\""]), 1);
}
