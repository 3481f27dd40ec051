//! The final report: the figures of both sides next to each other.

use super::{assertions::Assertion, look::Look, tally::percentile};
use serde::Serialize;
use std::{fmt::Write as _, time::Duration};

/// A side's figures over the whole run.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub(super) struct Figures {
    pub(super) requests: u64,
    /// All requests, good or not.
    pub(super) responses: u64,
    pub(super) good: u64,
    pub(super) failed: u64,
    /// Requests without any response.
    pub(super) lost: u64,
    pub(super) success_ratio: f64,
    /// Latencies of good responses, from the moment when the request was due.
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    /// The attempts that the gateway counted.
    pub(super) calls: u64,
    pub(super) attempts: u64,
    pub(super) retries: u64,
    pub(super) hedges: u64,
    pub(super) hedges_won: u64,
    pub(super) ejections: u64,
    pub(super) breaker_openings: u64,
    /// The requests that the replicas counted; refused connections never arrived.
    pub(super) arrived: u64,
    pub(super) attempts_per_request: f64,
}

impl Figures {
    pub(super) fn new(look: &Look, mut latencies: Vec<Duration>, arrived: u64) -> Self {
        let Look { counts, policy, .. } = look;
        latencies.sort_unstable();
        let ms = |part| percentile(&latencies, part).as_secs_f64() * 1e3;
        Self {
            requests: counts.sent,
            responses: counts.good() + counts.failed,
            good: counts.good(),
            failed: counts.failed,
            lost: counts.lost,
            success_ratio: counts.good() as f64 / counts.sent.max(1) as f64,
            p50_ms: ms(0.5),
            p99_ms: ms(0.99),
            p999_ms: ms(0.999),
            calls: policy.calls,
            attempts: policy.attempts(),
            retries: policy.retry_attempts,
            hedges: policy.hedge_attempts,
            hedges_won: policy.hedges_won,
            ejections: look.ejections,
            breaker_openings: policy.openings,
            arrived,
            attempts_per_request: look.amplification(),
        }
    }

    /// Returns the requests without a good response, for whatever reason.
    pub(super) const fn not_well(&self) -> u64 {
        self.requests - self.good
    }
}

/// The final report.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Report {
    /// Whether every claim was checked and holds.
    pub(super) held: bool,
    /// Whether the run was stopped early; then no claim is checked.
    pub(super) interrupted: bool,
    pub(super) seed: u64,
    /// The length of the load.
    pub(super) seconds: f64,
    /// Requests a second to each side, on average.
    pub(super) rate: f64,
    /// The greatest lateness of a request, which shows how overloaded the machine was.
    pub(super) latest_ms: f64,
    /// Restrictions of the run: a busy machine, a short time.
    pub(super) remarks: Vec<String>,
    pub(super) with: Figures,
    pub(super) without: Figures,
    pub(super) assertions: Vec<Assertion>,
}

impl Report {
    /// Returns the table, with the claims below it.
    pub(super) fn table(&self) -> String {
        let Self { with, without, .. } = self;
        let mut out = String::new();
        let mut row = |name: &str, of: &dyn Fn(&Figures) -> String| {
            let _ = writeln!(out, "  {name:<24}{:>14}{:>14}", of(with), of(without));
        };
        row("", &|figures| if std::ptr::eq(figures, with) { "with policies" } else { "without" }.into());
        row("requests", &|figures| figures.requests.to_string());
        row("good responses", &|figures| format!("{:.2} %", figures.success_ratio * 100.0));
        row("failed", &|figures| figures.not_well().to_string());
        row("p50", &|figures| format!("{:.0} ms", figures.p50_ms));
        row("p99", &|figures| format!("{:.0} ms", figures.p99_ms));
        row("p99.9", &|figures| format!("{:.0} ms", figures.p999_ms));
        row("attempts per request", &|figures| format!("{:.3}", figures.attempts_per_request));
        row("retries, hedges", &|figures| format!("{}, {}", figures.retries, figures.hedges));
        row("ejections", &|figures| figures.ejections.to_string());
        let _ = writeln!(
            out,
            "\n{:.0} requests/s for {:.1} s through each, with the same faults (seed {}).\n\
             The policies saved {} requests and {:.0} ms at the 99th percentile,\nfor {:.1} % more attempts.",
            self.rate,
            self.seconds,
            self.seed,
            without.not_well().saturating_sub(with.not_well()),
            (without.p99_ms - with.p99_ms).max(0.0),
            (with.attempts_per_request - 1.0) * 100.0,
        );
        for remark in &self.remarks {
            let _ = writeln!(out, "{remark}");
        }
        out
    }

    /// Returns the claims, a line each.
    pub(super) fn claims(&self) -> Vec<(bool, String)> {
        let line =
            |assertion: &Assertion| (assertion.held, format!("{}: {}", assertion.claim, assertion.found));
        self.assertions.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tally::Counts, *};

    #[test]
    fn figures_come_from_the_last_look() {
        let mut look =
            Look { counts: Counts { sent: 10, failed: 1, lost: 1, good_of: [5, 1, 2] }, ..Look::default() };
        look.policy.calls = 10;
        look.policy.first_attempts = 10;
        look.policy.retry_attempts = 2;
        let latencies = (1..=8).rev().map(Duration::from_millis).collect();
        let figures = Figures::new(&look, latencies, 11);
        assert_eq!((figures.requests, figures.responses, figures.good, figures.not_well()), (10, 9, 8, 2));
        assert_eq!((figures.attempts, figures.retries, figures.arrived), (12, 2, 11));
        assert!((figures.p50_ms - 4.0).abs() < 1e-9 && (figures.p999_ms - 8.0).abs() < 1e-9);
        assert!(
            (figures.success_ratio - 0.8).abs() < 1e-9 && (figures.attempts_per_request - 1.2).abs() < 1e-9
        );
    }

    #[test]
    fn every_line_fits_80_columns() {
        let side = Figures {
            requests: 240_000,
            good: 100_000,
            p99_ms: 4999.0,
            hedges: 12_000,
            ..Figures::default()
        };
        let report = Report {
            held: false,
            interrupted: false,
            seed: 123_456,
            seconds: 599.0,
            rate: 400.0,
            latest_ms: 0.0,
            remarks: Vec::new(),
            with: side.clone(),
            without: side,
            assertions: Vec::new(),
        };
        let table = report.table();
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    }

    #[test]
    fn a_run_without_requests_is_told_without_fault() {
        let figures = Figures::new(&Look::default(), Vec::new(), 0);
        assert_eq!((figures.not_well(), figures.success_ratio), (0, 0.0));
    }
}
