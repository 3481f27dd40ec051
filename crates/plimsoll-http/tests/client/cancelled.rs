//! Calls that are dropped, at each stage: nothing is left behind.

use crate::stand::{client, handle, one_at_a_time, until, upstream};
use http_body_util::BodyExt;
use plimsoll_testkit::{Fault, FaultyUpstream};
use std::{pin::pin, task::Poll};

/// Polls until `reached`, and drops.
async fn dropped_when(future: impl Future, reached: impl Fn() -> bool) {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        let ended = future.as_mut().poll(cx).is_ready();
        assert!(!ended, "it was to be dropped, not to end");
        if reached() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[tokio::test]
async fn before_its_first_poll() {
    let upstream = upstream(Fault::Silent).await;
    let client = client(&upstream, one_at_a_time());
    drop(client.get("/").send());
    assert_eq!(handle(&client).snapshot().bulkhead.unwrap().in_flight, 0);
}

#[tokio::test]
async fn while_it_connects_and_while_it_waits_for_a_response() {
    let upstream = FaultyUpstream::always(Fault::Silent).await.unwrap();
    let client = client(&upstream, one_at_a_time());
    for stage in 0..6 {
        let seen = upstream.requests();
        match stage % 3 {
            0 => dropped_when(client.get("/").send(), || true).await,
            1 => dropped_when(client.get("/").send(), || handle(&client).pool().open == 1).await,
            _ => dropped_when(client.get("/").send(), || upstream.requests() > seen).await,
        }
        let (bulkhead, pool) = (handle(&client).snapshot().bulkhead.unwrap(), handle(&client).pool());
        assert_eq!((bulkhead.in_flight, pool.open), (0, 0), "stage {stage}");
    }
}

#[tokio::test]
async fn within_the_body() {
    let upstream = upstream(Fault::EndlessBody).await;
    let client = client(&upstream, one_at_a_time());
    let mut body = client.get("/").send().await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    assert!(
        client.get("/").send().await.unwrap_err().is_rejected(),
        "its place is taken until the body ends"
    );
    drop(body);
    assert_eq!((handle(&client).snapshot().bulkhead.unwrap().in_flight, handle(&client).pool().open), (0, 0));
    drop(client.get("/").send().await.unwrap());
}

#[tokio::test]
async fn in_the_line_for_a_place() {
    let upstream = upstream(Fault::Silent).await;
    let mut policy = one_at_a_time();
    policy.bulkhead.as_mut().unwrap().waiting = 8;
    policy.bulkhead.as_mut().unwrap().wait = crate::stand::LONG;
    let client = client(&upstream, policy);
    let holder = tokio::spawn(client.get("/").send());
    until(|| upstream.requests() == 1).await;
    let waiting = || handle(&client).snapshot().bulkhead.unwrap().waiting;
    dropped_when(client.get("/").send(), || waiting() == 1).await;
    assert_eq!(waiting(), 0);

    let next = tokio::spawn(client.get("/").send());
    until(|| waiting() == 1).await;
    holder.abort();
    until(|| upstream.requests() == 2).await;
    assert_eq!(waiting(), 0, "the place was passed on");
    next.abort();
    until(|| handle(&client).snapshot().bulkhead.unwrap().in_flight == 0).await;
    assert_eq!(handle(&client).pool().open, 0);
}
