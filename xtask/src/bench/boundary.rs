//! `cargo xtask bench boundary`: what the error boundary costs a call that goes well.

use super::{
    claim::Claim,
    divan::{self, Row},
    figures::Spread,
};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use std::process::{Command, ExitCode, Stdio};

pub(crate) const LONG_ABOUT: &str = "\
One call inside the error boundary beside the same call without it: ready, call, poll, read the body, drop.

The difference is taken within each run, and the median of the runs is reported.";

/// Flags of `cargo xtask bench boundary`.
#[derive(Args)]
pub(crate) struct Options {
    /// How often the bench runs
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit 1 unless every claimed limit is kept
    #[arg(long)]
    assert: bool,
}

/// Nanoseconds over the bare service, at most.
const OVERHEAD: f64 = 50.0;

/// Runs the bench.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let claims = claims(options.runs)?;
    if options.json {
        println!("{:#}", json!({ "claims": Claim::machine_readable(&claims) }));
    } else {
        print!("{}", Claim::table(&claims));
    }
    let missed = options.assert && !claims.iter().all(Claim::kept);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Measures the claims about the boundary over that many runs.
pub(crate) fn claims(runs: usize) -> Result<Vec<Claim>> {
    let runs: Vec<Vec<Row>> = (1..=runs).map(|_| bench()).collect::<Result<_>>()?;
    Ok(of(&runs))
}

fn bench() -> Result<Vec<Row>> {
    let output = Command::new("cargo")
        .args(["bench", "--quiet", "--package", "plimsoll-http", "--bench", "boundary"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(
        output.status.success(),
        "cargo bench --package plimsoll-http --bench boundary: {}",
        output.status
    );
    Ok(divan::read(&String::from_utf8_lossy(&output.stdout), true))
}

fn of(runs: &[Vec<Row>]) -> Vec<Claim> {
    let row = |rows: &[Row], name: &str| {
        rows.iter().find(|row| row.path == name).map(|row| (row.median_ns, row.allocations))
    };
    let over = runs
        .iter()
        .map(|rows| Some(row(rows, "boundary_success")?.0 - row(rows, "boundary_bare")?.0))
        .collect::<Option<Vec<f64>>>();
    let allocations = runs.iter().map(|rows| row(rows, "boundary_success")?.1).collect::<Option<Vec<f64>>>();
    let median = |figures: Option<Vec<f64>>| Spread::of(figures?).map(|spread| spread.median);
    vec![
        Claim { what: "boundary − bare, ns a call".to_owned(), limit: OVERHEAD, found: median(over) },
        Claim { what: "boundary, allocations a call".to_owned(), limit: 0.0, found: median(allocations) },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_taken_within_a_run() {
        let row = |path: &str, median_ns| Row { path: path.to_owned(), median_ns, allocations: Some(0.0) };
        let run = |bare, within| vec![row("boundary_bare", bare), row("boundary_success", within)];
        let claims = of(&[run(10.0, 40.0), run(20.0, 90.0), run(10.0, 55.0)]);
        assert_eq!(claims.iter().map(|claim| claim.found).collect::<Vec<_>>(), [Some(45.0), Some(0.0)]);
        assert_eq!(of(&[vec![row("boundary_bare", 1.0)]])[0].found, None);
    }
}
