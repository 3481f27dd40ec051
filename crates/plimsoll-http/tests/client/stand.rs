//! Shared by the tests: policies with one thing on, and clients of faulty upstreams.

use plimsoll_http::client::{Client, Handle};
use plimsoll_policy::{PolicySpec, Timeouts, bulkhead::BulkheadSpec, retry::RetrySpec, units::BackoffRange};
use plimsoll_testkit::{Fault, FaultyUpstream};
use std::{num::NonZeroU32, time::Duration};

/// Longer than anything here takes, and no more than a hanging test may cost.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Short enough to be waited for.
pub(crate) const SHORT: Duration = Duration::from_millis(60);

/// These limits, and nothing else.
pub(crate) fn limited(timeouts: Timeouts) -> PolicySpec {
    PolicySpec { timeouts, ..PolicySpec::OFF }
}

/// Nothing but a limit that a hanging test runs into.
pub(crate) fn patient() -> PolicySpec {
    limited(Timeouts { total: Some(LONG), ..Timeouts::NONE })
}

/// Retries almost at once.
pub(crate) fn retrying() -> PolicySpec {
    let retry = RetrySpec {
        backoff: BackoffRange::new(Duration::from_millis(1), Duration::from_millis(2)).unwrap(),
        ..RetrySpec::default()
    };
    PolicySpec { retry: Some(retry), ..patient() }
}

/// One place, and nobody waits for it: a call that leaks its place makes the next one fail.
pub(crate) fn one_at_a_time() -> PolicySpec {
    let bulkhead = BulkheadSpec { in_flight: NonZeroU32::MIN, waiting: 0, ..BulkheadSpec::default() };
    PolicySpec { bulkhead: Some(bulkhead), ..patient() }
}

pub(crate) async fn upstream(fault: Fault) -> FaultyUpstream {
    FaultyUpstream::always(fault).await.unwrap()
}

pub(crate) fn client(upstream: &FaultyUpstream, policy: PolicySpec) -> Client {
    Client::to(&format!("http://{}", upstream.address()), policy).unwrap()
}

pub(crate) fn handle(client: &Client) -> Handle {
    client.handles().remove(0)
}

/// Waits until what is told by another task has been told.
pub(crate) async fn until(what: impl Fn() -> bool) {
    let end = tokio::time::Instant::now() + LONG;
    while !what() {
        assert!(tokio::time::Instant::now() < end, "it never came");
        tokio::task::yield_now().await;
    }
}
