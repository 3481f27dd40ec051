//! The table of responses, through the gateway.

use crate::support::{Origin, Setup};
use plimsoll::policy::Outcome;
use plimsoll_testkit::responses::{TABLE, label, retried};
use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

const RETRY: &str = "retry = { attempts = 2, backoff = \"1ms..2ms\", budget = \"100%\", reserve = 1000, \
                     on = [408, 429, 500, 503, 504], window = \"2s\" }";

/// A route and an upstream for each row, so that each has machines and metrics of its own.
fn sections(origin: &Origin) -> String {
    let mut text = String::new();
    for at in 0..TABLE.len() {
        write!(
            text,
            "[[route]]\nname = \"r{at}\"\npath = \"/{at}\"\nupstream = \"u{at}\"\npolicy = \"p\"\n\
             [upstream.u{at}]\nendpoints = [\"{}\"]\nejection = \"off\"\n",
            origin.address
        )
        .unwrap();
    }
    text
}

#[test]
fn every_response_means_to_the_gateway_what_the_table_says() {
    let asked: Arc<Vec<AtomicUsize>> = Arc::new(TABLE.iter().map(|_| AtomicUsize::new(0)).collect());
    let origin = Origin::serving({
        let asked = Arc::clone(&asked);
        move |request, wire| {
            let row: usize = request.target()[1..].parse().unwrap();
            asked[row].fetch_add(1, SeqCst);
            wire.send(TABLE[row].to_http1());
            Ok(())
        }
    });
    let gateway = Setup::to(&origin).policy(RETRY).routes(&sections(&origin)).start();
    let mut client = gateway.client();
    // The gateway's own engine takes no status above 599 for HTTP.
    let rows = || TABLE.iter().enumerate().filter(|(_, row)| row.status < 600);
    for (at, row) in rows() {
        assert_eq!(client.get(&format!("/{at}")).status(), row.status, "{row:?}");
    }
    gateway.until_metric("plimsoll_requests_in_flight", &[], 0);

    let page = gateway.metrics();
    for (at, row) in rows() {
        let attempts = 1 + usize::from(row.is_retried(&retried(), Duration::from_secs(2)));
        assert_eq!(asked[at].load(SeqCst), attempts, "{row:?}");
        // Of each count, what all outcomes have and what this one has.
        let count = |metric: &str, outcome: Outcome| {
            let (upstream, outcome) =
                (format!("upstream=\"u{at}\""), format!("outcome=\"{}\"", label(outcome)));
            let lines = page.lines().filter(|line| line.starts_with(metric) && line.contains(&upstream));
            let value = |line: &str| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap();
            let of_this = lines.clone().filter(|line| line.contains(&outcome)).map(value).sum::<usize>();
            (lines.map(value).sum::<usize>(), of_this)
        };
        let settled = count("plimsoll_attempt_duration_seconds_count", row.head.outcome);
        assert_eq!(settled, (attempts, attempts), "{row:?}");
        // Nobody hears of a body that ends well, or that was given up.
        let failed = usize::from(!matches!(row.end, Outcome::Success | Outcome::Cancelled));
        assert_eq!(count("plimsoll_bodies_failed_total", row.end), (failed, failed), "{row:?}");
    }
}
