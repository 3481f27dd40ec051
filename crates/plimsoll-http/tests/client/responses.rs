//! The table of responses, through the client.

use crate::stand::patient;
use plimsoll_http::client::Client;
use plimsoll_policy::{
    Outcome, PolicySpec,
    retry::{Attempts, RetrySpec},
    units::BackoffRange,
};
use plimsoll_telemetry::{Format, Registry};
use plimsoll_testkit::{
    Fault, FaultyUpstream,
    responses::{Response, TABLE, label, retried},
};
use std::time::Duration;

/// The waits of the table are far longer or far shorter.
const WINDOW: Duration = Duration::from_secs(2);

fn policy() -> PolicySpec {
    let retry = RetrySpec {
        attempts: Attempts::try_from(2).unwrap(),
        backoff: BackoffRange::new(Duration::from_millis(1), Duration::from_millis(2)).unwrap(),
        on: retried(),
        window: Some(WINDOW),
        ..RetrySpec::default()
    };
    PolicySpec { retry: Some(retry), ..patient() }
}

async fn judge(row: &Response) {
    let upstream = FaultyUpstream::always(Fault::Raw(row.to_http1())).await.unwrap();
    let registry = Registry::new();
    let client = Client::builder().metrics(&registry).unwrap();
    let client = client.origin(&format!("http://{}", upstream.address()), policy()).unwrap();
    let response = client.get("/").send().await.unwrap_or_else(|error| panic!("{row:?}: {error}"));
    assert_eq!(response.status().as_u16(), row.status);
    response.bytes().await.unwrap();

    let attempts = 1 + usize::from(row.is_retried(&retried(), WINDOW));
    assert_eq!(upstream.requests(), attempts, "{row:?}");
    let page = registry.render(Format::from_accept("text/plain"));
    let count = |metric: &str, outcome| {
        let label = format!("outcome=\"{}\"", label(outcome));
        let line = page.lines().find(|line| line.starts_with(metric) && line.contains(&label));
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    };
    assert_eq!(
        count("plimsoll_attempt_duration_seconds_count", row.head.outcome),
        attempts,
        "{row:?}\n{page}"
    );
    // Nobody hears of a body that ends well, or that was given up.
    let failed = usize::from(!matches!(row.end, Outcome::Success | Outcome::Cancelled));
    assert_eq!(count("plimsoll_bodies_failed_total", row.end), failed, "{row:?}\n{page}");
}

#[tokio::test]
async fn every_response_means_to_the_client_what_the_table_says() {
    for row in TABLE {
        judge(row).await;
    }
}
