//! `cargo xtask bench task`: what structure and measuring cost, beside tokio's own.

use super::{
    claim::Claim,
    policy::{Findings, benches, machine_readable, readable},
};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

pub(crate) const LONG_ABOUT: &str = "\
The benches of plimsoll-task, several times over, each beside what it stands in for: a scope beside a JoinSet, \
measured locks and queues beside tokio's while nobody waits.

A ratio is taken within each run, and the median of the runs is reported.";

/// Flags of `cargo xtask bench task`.
#[derive(Args)]
pub(crate) struct Options {
    /// How often every bench runs
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit 1 unless every claimed limit is kept
    #[arg(long)]
    assert: bool,
}

const CRATE: &str = "plimsoll-task";

/// Ours, tokio's, and how many times tokio's time ours may take.
const TIMES: &[(&str, &str, f64)] = &[
    ("scope_10", "join_set_10", 1.25),
    ("scope_1000", "join_set_1000", 1.25),
    ("scope_1000_two", "join_set_1000_two", 1.25),
    ("mutex", "tokio_mutex", 1.15),
    ("rwlock_read", "tokio_rwlock_read", 1.15),
    ("rwlock_write", "tokio_rwlock_write", 1.15),
    ("semaphore", "tokio_semaphore", 1.15),
    ("queue", "tokio_queue", 1.15),
    ("latest_value", "tokio_latest_value", 1.15),
];

/// Ours, tokio's, and how many times tokio's allocations ours may make.
const ALLOCATIONS: &[(&str, &str, f64)] =
    &[("scope_10", "join_set_10", 1.0), ("scope_1000", "join_set_1000", 0.6)];

/// Runs the benches.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let package = workspace.package(CRATE).with_context(|| format!("no package {CRATE}"))?;
    let mut findings = Findings { runs: Vec::new() };
    for number in 1..=options.runs {
        eprintln!("run {number} of {} …", options.runs);
        findings.runs.push(benches(package)?);
    }
    let claims = claims(&findings);
    if options.json {
        println!(
            "{:#}",
            json!({"benches": machine_readable(&findings), "claims": Claim::machine_readable(&claims)})
        );
    } else {
        print!("{}\n{}", readable(&findings), Claim::table(&claims));
    }
    let missed = options.assert && !claims.iter().all(Claim::kept);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn claims(findings: &Findings) -> Vec<Claim> {
    let times = TIMES.iter().map(|(ours, theirs, limit)| Claim {
        what: format!("{ours} ÷ {theirs}"),
        limit: *limit,
        found: findings.ratio(ours, theirs),
    });
    let allocations = ALLOCATIONS.iter().map(|(ours, theirs, limit)| Claim {
        what: format!("{ours} ÷ {theirs}, allocations"),
        limit: *limit,
        found: findings
            .allocations(ours)
            .zip(findings.allocations(theirs))
            .map(|(ours, theirs)| ours / theirs),
    });
    times.chain(allocations).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::divan::Row, *};

    fn row(path: &str, median_ns: f64, allocations: f64) -> Row {
        Row { path: path.to_owned(), median_ns, allocations: Some(allocations) }
    }

    #[test]
    fn a_bench_of_two_workers_is_another_bench() {
        let rows = vec![
            row("scope/join_set_1000", 200.0, 2002.0),
            row("scope/scope_1000", 100.0, 1001.0),
            row("scope/scope_1000_two", 900.0, 0.0),
        ];
        let claims = claims(&Findings { runs: vec![rows] });
        let found = |what: &str| claims.iter().find(|claim| claim.what == what).and_then(|claim| claim.found);
        assert_eq!(found("scope_1000 ÷ join_set_1000"), Some(0.5));
        assert_eq!(found("scope_1000 ÷ join_set_1000, allocations"), Some(0.5));
        assert_eq!(found("scope_1000_two ÷ join_set_1000_two"), None);
    }
}
