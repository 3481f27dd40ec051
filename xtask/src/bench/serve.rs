//! `cargo xtask bench serve`: what a request of the library's server costs, beside the servers that it is made of and beside
//! the layers that others would put around an app.

pub(crate) mod instructions;

use super::{
    build,
    claim::Claim,
    counting::Counting,
    figures::{Spread, table},
    instructions::executed,
    process,
};
use crate::{setup, tools, workspace::Workspace};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

pub(crate) const LONG_ABOUT: &str = "\
One request of a hello-world route on one thread, over 64 kept connections: of hyper alone, of axum::serve, of axum under \
tower-http's, tower's and tower_governor's layers for the same ends, and of plimsoll's serve with its defaults.

Instructions under valgrind (the difference of two runs), allocations, and CPU time in alternating slices of one run. A ratio of \
CPU is taken within each round, and the median of the rounds is reported.";

/// Flags of `cargo xtask bench serve`.
#[derive(Args)]
pub(crate) struct Options {
    /// Slices of each server
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// Requests of one slice
    #[arg(long, default_value_t = 64_000)]
    requests: u32,
    /// Leave out the instructions
    #[arg(long)]
    without_instructions: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit 1 unless every claimed limit is kept
    #[arg(long)]
    assert: bool,
    #[command(flatten)]
    counting: Counting,
}

/// The program's name of a server, and its title.
const SERVERS: [(&str, &str); 4] = [
    ("hyper", "hyper alone"),
    ("axum", "axum::serve"),
    ("tower-http", "axum under others' layers"),
    ("plimsoll", "plimsoll::serve"),
];

/// The one whose figures are claimed.
const OURS: usize = 3;

/// Instructions and allocations of a request, at most.
const INSTRUCTIONS: f64 = 18_400.0;
const ALLOCATIONS: f64 = 15.6;

/// Ours divided by the server at this place, CPU a request, at most.
const RATIOS: [(usize, f64); 2] = [(1, 1.4), (2, 1.0)];

const CONNECTIONS: u32 = 64;

/// Requests of the two runs under valgrind.
const FEW: u32 = 640;
const MANY: u32 = 3_840;

/// The figures of one server.
#[derive(Default)]
struct Found {
    instructions: Option<f64>,
    allocations: Option<f64>,
    bytes: Option<f64>,
    /// CPU microseconds a request, round by round.
    costs: Vec<f64>,
}

/// Runs every server in turn, round after round.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    setup::ensure(tools::FOR_BENCHES)?;
    process::end_all_on_signal()?;
    let workspace = Workspace::load()?;
    if let Some(counted) = options.counting.run(&workspace, instructions::RECORD, instructions::count)? {
        return Ok(counted);
    }
    let program = program(&workspace)?;
    let mut found: [Found; SERVERS.len()] = Default::default();
    if !options.without_instructions {
        for ((kind, title), found) in SERVERS.iter().zip(&mut found) {
            eprintln!("{title} under valgrind …");
            found.instructions = Some(instructions(&program, kind)?);
        }
    }
    for round in 1..=options.rounds {
        eprintln!("round {round} of {} …", options.rounds);
        for ((kind, _), found) in SERVERS.iter().zip(&mut found) {
            let slice = slice(&program, kind, options.requests)?;
            found.costs.push(slice.cpu_us);
            (found.allocations, found.bytes) = (Some(slice.allocations), Some(slice.bytes));
        }
    }
    let claims = claims(&found, !options.without_instructions);
    if options.json {
        let servers = machine_readable(&found);
        println!("{:#}", json!({"servers": servers, "claims": Claim::machine_readable(&claims)}));
    } else {
        print!("{}\n{}", readable(&found), Claim::table(&claims));
    }
    let missed = options.assert && !claims.iter().all(Claim::kept);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn program(workspace: &Workspace) -> Result<PathBuf> {
    build::program(workspace, "bench-serve", "", build::Program::Binary("serving"))
}

fn instructions(program: &Path, kind: &str) -> Result<f64> {
    let count = |requests: u32| executed(program, &[kind, &requests.to_string(), &CONNECTIONS.to_string()]);
    let (few, many) = (count(FEW)?, count(MANY)?);
    Ok(many.saturating_sub(few) as f64 / f64::from(MANY - FEW))
}

/// The cost of a request, over one slice.
#[derive(Debug, PartialEq)]
struct Slice {
    cpu_us: f64,
    allocations: f64,
    bytes: f64,
}

fn slice(program: &Path, kind: &str, requests: u32) -> Result<Slice> {
    let output = Command::new(program)
        .args([kind, &requests.to_string(), &CONNECTIONS.to_string()])
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    ensure!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr).trim());
    read(&String::from_utf8_lossy(&output.stdout)).with_context(|| format!("{kind} counted nothing"))
}

/// `REQUESTS NANOSECONDS ALLOCATIONS BYTES`, each a request.
fn read(line: &str) -> Option<Slice> {
    let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>().ok()?;
    let [requests, nanoseconds, allocations, bytes] = numbers[..] else { return None };
    (requests > 0.0).then(|| Slice {
        cpu_us: nanoseconds / requests / 1e3,
        allocations: allocations / requests,
        bytes: bytes / requests,
    })
}

fn claims(found: &[Found; SERVERS.len()], with_instructions: bool) -> Vec<Claim> {
    let ours = &found[OURS];
    let instructions =
        Claim { what: "instructions a request".to_owned(), limit: INSTRUCTIONS, found: ours.instructions };
    let allocations =
        Claim { what: "allocations a request".to_owned(), limit: ALLOCATIONS, found: ours.allocations };
    let ratio = |&(other, limit): &(usize, f64)| {
        let pairs = ours.costs.iter().zip(&found[other].costs);
        Claim {
            what: format!("plimsoll ÷ {}, CPU a request", SERVERS[other].0),
            limit,
            found: Spread::of(pairs.map(|(ours, theirs)| ours / theirs)).map(|spread| spread.median),
        }
    };
    let counted = with_instructions.then_some(instructions);
    counted.into_iter().chain([allocations]).chain(RATIOS.iter().map(ratio)).collect()
}

fn readable(found: &[Found; SERVERS.len()]) -> String {
    let row = |((_, title), found): (&(&str, &str), &Found)| {
        let spread = Spread::of(found.costs.iter().copied());
        let shown = |figure: Option<f64>, digits: usize| {
            figure.map_or_else(|| "?".to_owned(), |figure| format!("{figure:.digits$}"))
        };
        vec![
            (*title).to_owned(),
            shown(found.instructions, 0),
            shown(found.allocations, 1),
            shown(found.bytes, 0),
            shown(spread.map(|spread| spread.median), 2),
            shown(spread.map(|spread| spread.least), 2),
            shown(spread.map(|spread| spread.greatest), 2),
        ]
    };
    let rows: Vec<_> = SERVERS.iter().zip(found).map(row).collect();
    table(&["server", "instructions", "allocations", "bytes", "CPU µs/request", "least", "greatest"], &rows)
}

fn machine_readable(found: &[Found; SERVERS.len()]) -> Value {
    let each = |((kind, _), found): (&(&str, &str), &Found)| {
        json!({"server": kind, "instructions_per_request": found.instructions,
            "allocations_per_request": found.allocations, "bytes_per_request": found.bytes,
            "slices_cpu_us_per_request": found.costs,
            "cpu_us_per_request": Spread::of(found.costs.iter().copied()).map(|spread| spread.median)})
    };
    SERVERS.iter().zip(found).map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_read_as_it_is_printed() {
        let slice = Slice { cpu_us: 5.0, allocations: 13.0, bytes: 2000.0 };
        assert_eq!(read("1000 5000000 13000 2000000\n"), Some(slice));
        assert_eq!(read("0 5000000 1 1\n"), None);
        assert_eq!(read("1000 5000000\n"), None);
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_what_was_not_measured_is_missed() {
        let costs = [vec![1.0; 2], vec![10.0, 20.0], vec![20.0, 40.0], vec![11.0, 20.0]];
        let found = costs.map(|costs| Found { costs, ..Found::default() });
        let claims = claims(&found, true);
        assert!(!claims[0].kept() && !claims[1].kept());
        let ratios: Vec<_> = claims[2..].iter().map(|claim| claim.found.unwrap()).collect();
        assert!((ratios[0] - 1.05).abs() < 1e-9 && (ratios[1] - 0.525).abs() < 1e-9, "{ratios:?}");
    }
}
