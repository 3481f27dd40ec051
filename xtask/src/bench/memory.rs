//! `cargo xtask bench memory`: what each trick of memory saves, beside the plain way to write the same.

use super::{
    claim::Claim,
    divan::{self, Row},
    figures::{Spread, table},
};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use std::process::{Command, ExitCode, Stdio};

pub(crate) const LONG_ABOUT: &str = "\
The benches named `memory` of every crate that has one. Each holds pairs: `before` is the plain way (an owned string, a vector, a \
map, a lock, a fresh buffer), `after` what the crate does. Time and allocations of both, and the ratio, taken within each run.

A trick whose pair shows no gain has no place in the code; docs/memory.md says when not to use each.";

/// The bench target's name in every crate that has one.
pub(super) const TARGET: &str = "memory";

/// Where they are, with the features they need.
const CRATES: &[(&str, &str)] = &[
    ("plimsoll-http", "static-files"),
    ("plimsoll-tower", ""),
    ("plimsoll-h1", ""),
    ("plimsoll-gateway", ""),
];

/// Pairs that must show a gain: time after divided by before, at most. The others are there to show where there is none:
/// the engine's kept read buffers are for what idle connections hold, not for time.
const GAINS: &[(&str, f64)] = &[
    ("cow_clean_path", 0.8),
    ("bytes_sent_again", 0.5),
    ("kept_buffers", 1.0),
    ("swapped_settings/t=2", 0.5),
    ("small_vector_of_attempts", 0.5),
    ("slab_of_streams", 0.5),
];

/// Flags of `cargo xtask bench memory`.
#[derive(Args)]
pub(crate) struct Options {
    /// How often every bench runs
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit 1 unless every trick shows its gain
    #[arg(long)]
    assert: bool,
}

/// One pair, over all runs.
#[derive(Debug, PartialEq)]
struct Pair {
    trick: String,
    before_ns: f64,
    after_ns: f64,
    ratio: f64,
    /// Before and after, where they were counted.
    allocations: Option<(f64, f64)>,
}

/// Runs the benches.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut runs = Vec::new();
    for number in 1..=options.runs {
        eprintln!("run {number} of {} …", options.runs);
        let mut rows = Vec::new();
        for (package, features) in CRATES {
            rows.extend(bench(package, features)?);
        }
        runs.push(rows);
    }
    let pairs = pairs(&runs);
    let claims = claims(&pairs);
    if options.json {
        println!(
            "{:#}",
            json!({"pairs": machine_readable(&pairs), "claims": Claim::machine_readable(&claims)})
        );
    } else {
        print!("{}\n{}", readable(&pairs), Claim::table(&claims));
    }
    let missed = options.assert && !claims.iter().all(Claim::kept);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn bench(package: &str, features: &str) -> Result<Vec<Row>> {
    let output = Command::new("cargo")
        .args(["bench", "--quiet", "--package", package, "--features", features, "--bench", TARGET])
        .stderr(Stdio::inherit())
        .stdin(Stdio::null())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo bench --package {package} --features '{features}' --bench {TARGET}: {}", output.status);
    }
    Ok(divan::read(&String::from_utf8_lossy(&output.stdout), true))
}

/// The rows that have both sides in every run, in the order of the first.
fn pairs(runs: &[Vec<Row>]) -> Vec<Pair> {
    let first = runs.first().into_iter().flatten();
    first.filter_map(|row| pair(row, runs)).collect()
}

fn pair(before: &Row, runs: &[Vec<Row>]) -> Option<Pair> {
    let segments: Vec<&str> = before.path.split('/').collect();
    let at = segments.iter().position(|segment| *segment == "before")?;
    let with = |side: &'static str| {
        let mut path = segments.clone();
        path[at] = side;
        path.join("/")
    };
    let (before_path, after_path) = (before.path.clone(), with("after"));
    let find = |rows: &[Row], path: &str| rows.iter().find(|row| row.path == path).cloned();
    let both: Vec<(Row, Row)> = runs
        .iter()
        .map(|rows| Some((find(rows, &before_path)?, find(rows, &after_path)?)))
        .collect::<Option<_>>()?;
    let median =
        |figure: &dyn Fn(&(Row, Row)) -> f64| Spread::of(both.iter().map(figure)).map(|spread| spread.median);
    let counts: Option<Vec<(f64, f64)>> =
        both.iter().map(|(before, after)| before.allocations.zip(after.allocations)).collect();
    let mut trick = segments;
    trick.remove(at);
    Some(Pair {
        trick: trick.join("/"),
        before_ns: median(&|(before, _)| before.median_ns)?,
        after_ns: median(&|(_, after)| after.median_ns)?,
        ratio: median(&|(before, after)| after.median_ns / before.median_ns)?,
        allocations: counts.and_then(|counts| counts.first().copied()),
    })
}

fn claims(pairs: &[Pair]) -> Vec<Claim> {
    let claim = |(trick, limit): &(&str, f64)| Claim {
        what: format!("{trick}: after ÷ before"),
        limit: *limit,
        found: pairs.iter().find(|pair| pair.trick == *trick).map(|pair| pair.ratio),
    };
    GAINS.iter().map(claim).collect()
}

fn readable(pairs: &[Pair]) -> String {
    let rows: Vec<Vec<String>> = pairs
        .iter()
        .map(|pair| {
            let allocations = pair
                .allocations
                .map_or_else(|| "?".to_owned(), |(before, after)| format!("{before:.0} → {after:.0}"));
            vec![
                pair.trick.clone(),
                format!("{:.1} ns", pair.before_ns),
                format!("{:.1} ns", pair.after_ns),
                format!("{:.2}", pair.ratio),
                allocations,
            ]
        })
        .collect();
    table(&["trick", "before", "after", "ratio", "allocations"], &rows)
}

fn machine_readable(pairs: &[Pair]) -> Value {
    let each = |pair: &Pair| {
        json!({
            "trick": pair.trick,
            "before_ns": pair.before_ns,
            "after_ns": pair.after_ns,
            "ratio": pair.ratio,
            "allocations": pair.allocations.map(|(before, after)| json!({"before": before, "after": after})),
        })
    };
    pairs.iter().map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, median_ns: f64, allocations: f64) -> Row {
        Row { path: path.to_owned(), median_ns, allocations: Some(allocations) }
    }

    #[test]
    fn both_sides_of_a_trick_are_brought_together() {
        let run = |factor: f64| {
            vec![
                row("cow_clean_path/after", 10.0 * factor, 0.0),
                row("cow_clean_path/before", 40.0, 2.0),
                row("swapped_settings/before/t=2", 100.0, 0.0),
                row("swapped_settings/after/t=2", 1.0, 0.0),
                row("alone/before", 1.0, 0.0),
            ]
        };
        let pairs = pairs(&[run(1.0), run(2.0), run(2.0)]);
        let found: Vec<(&str, f64)> = pairs.iter().map(|pair| (pair.trick.as_str(), pair.ratio)).collect();
        assert_eq!(found, [("cow_clean_path", 0.5), ("swapped_settings/t=2", 0.01)]);
        assert_eq!(pairs[0].allocations, Some((2.0, 0.0)));
        let claims = claims(&pairs);
        assert_eq!(claims.iter().filter(|claim| claim.kept()).count(), 2);
        assert_eq!(claims.len(), GAINS.len());
    }
}
