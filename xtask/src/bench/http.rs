//! `cargo xtask bench http`: what the library's HTTP side costs, beside what it stands in for.

use super::{
    boundary, build,
    claim::Claim,
    contenders::Origin,
    figures::{Spread, table},
    process,
};
use crate::{setup, tools, workspace::Workspace};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::{
    path::Path,
    process::{Command, ExitCode},
};

pub(crate) const LONG_ABOUT: &str = "\
CPU time a request of the outbound client with a full policy, beside hyper-util's client without any, and beside reqwest under \
tower-resilience's layers for the same policy: sixty-four tasks on one thread, one origin, in alternating slices of one run.

A ratio is taken within each round, and the median of the rounds is reported. Then the claims of `cargo xtask bench boundary`.";

/// Flags of `cargo xtask bench http`.
#[derive(Args)]
pub(crate) struct Options {
    /// Slices of each client
    #[arg(long, default_value_t = 6)]
    rounds: u32,
    /// Seconds of one slice
    #[arg(long, default_value_t = 2)]
    seconds: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit 1 unless every claimed limit is kept
    #[arg(long)]
    assert: bool,
}

/// How the bench calls a client, and what it is.
const CLIENTS: [(&str, &str); 5] = [
    ("bare", "hyper-util alone"),
    ("off", "plimsoll, no policy"),
    ("ours", "plimsoll, full policy"),
    ("reqwest", "reqwest alone"),
    ("reqwest-resilience", "reqwest under tower-resilience"),
];

/// The first divided by the second, at most.
const RATIOS: [(&str, &str, f64); 2] = [("ours", "bare", 1.2), ("ours", "reqwest-resilience", 1.0)];

/// CPU microseconds a request, round by round, in the order of [`CLIENTS`].
type Costs = Vec<Vec<f64>>;

/// How often the error boundary's bench runs.
const BOUNDARY_RUNS: usize = 3;

/// Runs every client in turn, round after round.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    setup::ensure(tools::FOR_BENCHES)?;
    process::end_all_on_signal()?;
    let workspace = Workspace::load()?;
    let program =
        build::program(&workspace, "plimsoll-http", "client,reqwest", build::Program::Example("outbound"))?;
    let origin = Origin::start(&workspace.target.join("bench"))?;
    let address = format!("http://127.0.0.1:{}", origin.place.port());
    let mut costs: Costs = vec![Vec::new(); CLIENTS.len()];
    for round in 1..=options.rounds {
        eprintln!("round {round} of {} …", options.rounds);
        for ((kind, _), costs) in CLIENTS.iter().zip(&mut costs) {
            costs.push(slice(&program, kind, &address, options.seconds)?);
        }
    }
    let mut claims = claims(&costs);
    claims.extend(boundary::claims(BOUNDARY_RUNS)?);
    if options.json {
        println!(
            "{:#}",
            json!({"clients": machine_readable(&costs), "claims": Claim::machine_readable(&claims)})
        );
    } else {
        print!("{}\n{}", readable(&costs), Claim::table(&claims));
    }
    let missed = options.assert && !claims.iter().all(Claim::kept);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One client's CPU microseconds a request over one slice.
fn slice(program: &Path, kind: &str, address: &str, seconds: u32) -> Result<f64> {
    let millis = (seconds * 1000).to_string();
    let output = Command::new(program)
        .args([kind, address, &millis])
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    ensure!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr).trim());
    cost(&String::from_utf8_lossy(&output.stdout)).with_context(|| format!("{kind} counted nothing"))
}

/// `REQUESTS NANOSECONDS` as microseconds a request.
fn cost(line: &str) -> Option<f64> {
    let (requests, nanoseconds) = line.trim().split_once(' ')?;
    let requests: f64 = requests.parse().ok().filter(|requests| *requests > 0.0)?;
    Some(nanoseconds.parse::<f64>().ok()? / requests / 1e3)
}

fn of<'c>(costs: &'c Costs, kind: &str) -> &'c [f64] {
    let at = CLIENTS.iter().position(|(known, _)| *known == kind);
    at.and_then(|at| costs.get(at)).map_or(&[], Vec::as_slice)
}

fn claims(costs: &Costs) -> Vec<Claim> {
    let claim = |(one, other, limit): &(&str, &str, f64)| {
        let pairs = of(costs, one).iter().zip(of(costs, other));
        Claim {
            what: format!("{one} ÷ {other}, CPU a request"),
            limit: *limit,
            found: Spread::of(pairs.map(|(one, other)| one / other)).map(|spread| spread.median),
        }
    };
    RATIOS.iter().map(claim).collect()
}

fn readable(costs: &Costs) -> String {
    let row = |((_, title), costs): (&(&str, &str), &Vec<f64>)| {
        let spread = Spread::of(costs.iter().copied());
        let shown = |figure: fn(Spread) -> f64| {
            spread.map_or_else(|| "?".to_owned(), |spread| format!("{:.2}", figure(spread)))
        };
        vec![
            (*title).to_owned(),
            shown(|spread| spread.median),
            shown(|spread| spread.least),
            shown(|spread| spread.greatest),
        ]
    };
    let rows: Vec<_> = CLIENTS.iter().zip(costs).map(row).collect();
    table(&["client", "CPU µs/request", "least", "greatest"], &rows)
}

fn machine_readable(costs: &Costs) -> Value {
    let each = |((kind, _), costs): (&(&str, &str), &Vec<f64>)| {
        json!({"client": kind, "slices_cpu_us_per_request": costs,
            "cpu_us_per_request": Spread::of(costs.iter().copied()).map(|spread| spread.median)})
    };
    CLIENTS.iter().zip(costs).map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_read_as_it_is_printed() {
        assert_eq!(cost("1000 5000000\n"), Some(5.0));
        assert_eq!(cost("0 5000000\n"), None);
        assert_eq!(cost(""), None);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let costs = vec![vec![10.0, 20.0], vec![9.0, 9.0], vec![11.0, 20.0], vec![0.0; 2], vec![20.0, 40.0]];
        let found: Vec<_> = claims(&costs).iter().map(|claim| claim.found.unwrap()).collect();
        assert!((found[0] - 1.05).abs() < 1e-9 && (found[1] - 0.525).abs() < 1e-9, "{found:?}");
        assert!(claims(&vec![Vec::new(); 5]).iter().all(|claim| !claim.kept()));
    }
}
