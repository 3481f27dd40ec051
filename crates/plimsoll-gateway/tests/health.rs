//! Active health checks.

mod running;

use running::{Origin, Running, eventually};
use serde_json::Value;
use std::{net::SocketAddr, sync::atomic::Ordering};

fn file(endpoints: &[SocketAddr], more: &str) -> String {
    let endpoints: Vec<String> = endpoints.iter().map(|address| format!("\"{address}\"")).collect();
    format!(
        r#"ADMIN
LISTENER
[[route]]
upstream = "orders"
policy = "plain"
[upstream.orders]
endpoints = [{}]
health = {{ path = "/healthz", every = "100ms", timeout = "100ms", healthy-after = 2, unhealthy-after = 2 }}
{more}
[policy.plain]
retry = "off"
breaker = "off"
"#,
        endpoints.join(", ")
    )
}

async fn healthy(running: &Running) -> Vec<bool> {
    let upstreams = running.asked("/api/v1/upstreams").await.json();
    let endpoints = upstreams["upstreams"][0]["endpoints"].as_array().unwrap().clone();
    endpoints.iter().map(|endpoint| endpoint["healthy"] == Value::Bool(true)).collect()
}

#[tokio::test]
async fn an_endpoint_that_dies_is_left_out_and_comes_back() {
    let (mut first, second) = (Origin::http1().await, Origin::http1().await);
    let running = Running::start("dies", &file(&[first.address, second.address], "")).await;
    eventually("both are checked", async || {
        first.seen.checks.load(Ordering::SeqCst) > 2 && second.seen.checks.load(Ordering::SeqCst) > 2
    })
    .await;
    eventually("both are healthy", async || healthy(&running).await == [true, true]).await;
    let address = first.address;
    first.kill();
    eventually("it is unhealthy", async || healthy(&running).await == [false, true]).await;
    for _ in 0..20 {
        assert_eq!(running.get("/x").await.status, 200, "only the other one is asked");
    }
    let unhealthy = "plimsoll_endpoints{upstream=\"orders\",state=\"unhealthy\"}";
    assert_eq!(running.metric(unhealthy).await, Some(1.0));
    let unreachable = "plimsoll_health_checks_total{upstream=\"orders\",result=\"unreachable\"}";
    assert!(running.metric(unreachable).await >= Some(2.0));

    let back = Origin::at(address, false).await;
    eventually("it is healthy", async || healthy(&running).await == [true, true]).await;
    eventually("it is asked again", async || {
        running.get("/x").await;
        back.seen.requests.load(Ordering::SeqCst) > 0
    })
    .await;
    assert_eq!(running.metric(unhealthy).await, Some(0.0));
}

#[tokio::test]
async fn all_are_asked_where_every_check_fails() {
    let origins = [Origin::http1().await, Origin::http1().await];
    for origin in &origins {
        origin.seen.hold_checks.store(true, Ordering::SeqCst);
    }
    let running = Running::start("panic", &file(&origins.each_ref().map(|origin| origin.address), "")).await;
    eventually("both are unhealthy", async || healthy(&running).await == [false, false]).await;
    for _ in 0..20 {
        assert_eq!(running.get("/x").await.status, 200, "the check is what is broken");
    }
    let panic = "plimsoll_upstream_panic{upstream=\"orders\"}";
    assert_eq!(running.metric(panic).await, Some(1.0));
    let upstream = running.asked("/api/v1/upstreams").await.json()["upstreams"][0].clone();
    assert_eq!((&upstream["panic"], &upstream["panics"]), (&Value::Bool(true), &1.into()));
    assert_eq!(upstream["endpoints"][0]["available"], Value::Bool(false));

    origins[0].seen.hold_checks.store(false, Ordering::SeqCst);
    eventually("one is healthy", async || healthy(&running).await == [true, false]).await;
    assert_eq!(running.metric(panic).await, Some(0.0), "half of them is enough");
    let before = origins[1].seen.requests.load(Ordering::SeqCst);
    for _ in 0..20 {
        assert_eq!(running.get("/x").await.status, 200);
    }
    assert_eq!(origins[1].seen.requests.load(Ordering::SeqCst), before, "only the other one is asked");
}

#[tokio::test]
async fn without_panic_the_refusal_is_clean() {
    let mut only = Origin::http1().await;
    let running = Running::start("none", &file(&[only.address], "panic-threshold = \"0%\"")).await;
    only.kill();
    eventually("it is unhealthy", async || healthy(&running).await == [false]).await;
    let refused = running.get("/x").await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json()["type"], "urn:plimsoll:problem:no-endpoint");
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_never_asked_twice_at_once() {
    let hanging = Origin::http1().await;
    hanging.seen.hold_checks.store(true, Ordering::SeqCst);
    let running = Running::start("hangs", &file(&[hanging.address], "")).await;
    let timed_out = "plimsoll_health_checks_total{upstream=\"orders\",result=\"timed-out\"}";
    eventually("several have timed out", async || running.metric(timed_out).await >= Some(5.0)).await;
    assert_eq!(healthy(&running).await, [false]);
    // A check that timed out is over for the gateway before the origin hears of it, which may be late.
    assert!(hanging.seen.most_checking.load(Ordering::SeqCst) <= 2);
    hanging.seen.hold_checks.store(false, Ordering::SeqCst);
    eventually("it is healthy", async || healthy(&running).await == [true]).await;
}

#[tokio::test]
async fn http2_is_asked_in_http2() {
    let mut origin = Origin::http2().await;
    let running = Running::start("h2", &file(&[origin.address], "protocol = \"h2\"")).await;
    eventually("it is checked", async || origin.seen.checks.load(Ordering::SeqCst) > 2).await;
    eventually("it is healthy", async || healthy(&running).await == [true]).await;
    assert_eq!(running.get("/x").await.status, 200);
    origin.kill();
    eventually("it is unhealthy", async || healthy(&running).await == [false]).await;
}

#[tokio::test]
async fn a_reload_starts_stops_and_keeps_checks() {
    let (kept, added) = (Origin::http1().await, Origin::http1().await);
    let running = Running::start("reload", &file(&[kept.address], "")).await;
    eventually("it is checked", async || kept.seen.checks.load(Ordering::SeqCst) > 2).await;
    running.rewrite(&file(&[kept.address, added.address], ""));
    assert_eq!(running.reload().await.status, 200);
    eventually("the added one is checked", async || added.seen.checks.load(Ordering::SeqCst) > 2).await;
    let before = kept.seen.checks.load(Ordering::SeqCst);
    eventually("the kept one still is", async || kept.seen.checks.load(Ordering::SeqCst) > before + 2).await;
    assert!(kept.seen.most_checking.load(Ordering::SeqCst) <= 1);

    running.rewrite(&file(&[kept.address], ""));
    assert_eq!(running.reload().await.status, 200);
    let before = kept.seen.checks.load(Ordering::SeqCst);
    // One check of the removed endpoint may have been under way.
    let removed = added.seen.checks.load(Ordering::SeqCst) + 1;
    eventually("checks go on", async || kept.seen.checks.load(Ordering::SeqCst) > before + 5).await;
    assert!(added.seen.checks.load(Ordering::SeqCst) <= removed);
}

#[tokio::test]
async fn a_check_that_could_not_be_made_tells_nothing_of_the_endpoint() {
    let text = file(&[], "").replace("endpoints = []", "endpoints = [\"nowhere.invalid:80\"]");
    let text = text
        .replace("timeout = \"100ms\"", "timeout = \"5s\"")
        .replace("every = \"100ms\"", "every = \"5s\"");
    let running = Running::start("unnamed", &text).await;
    let not_asked = "plimsoll_health_checks_total{upstream=\"orders\",result=\"not-asked\"}";
    eventually("a check could not be made", async || running.metric(not_asked).await >= Some(1.0)).await;
    assert_eq!(healthy(&running).await, [true], "the name was not found: nobody asked the endpoint");
}
