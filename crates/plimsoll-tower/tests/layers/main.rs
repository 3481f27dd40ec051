//! The layers from outside: around scripted services, under tokio's paused clock.
#![allow(missing_docs)]

mod contract;
mod policy;
mod random;
mod regressions;
mod responses;
mod single;

use plimsoll_testkit::{BrokenError, Scripted};
use plimsoll_tower::Error;
use std::{future::poll_fn, time::Duration};
use tower::Service;

/// The inner service of every test here.
type Inner = Scripted<u32, u32, BrokenError>;

const MS: Duration = Duration::from_millis(1);

/// Readies, and calls.
async fn begin<S: Service<u32>>(service: &mut S, request: u32) -> S::Future
where
    S::Error: std::fmt::Debug,
{
    poll_fn(|cx| service.poll_ready(cx)).await.expect("ready");
    service.call(request)
}

/// Readies, calls, and waits for the end.
async fn call<S: Service<u32>>(service: &mut S, request: u32) -> Result<S::Response, S::Error>
where
    S::Error: std::fmt::Debug,
{
    begin(service, request).await.await
}

/// Returns the reason of a rejection.
fn refusal<T: std::fmt::Debug>(result: Result<T, Error<BrokenError>>) -> plimsoll_policy::Reason {
    match result {
        Err(Error::Rejected(rejected)) => rejected.reason,
        other => panic!("not refused: {other:?}"),
    }
}
