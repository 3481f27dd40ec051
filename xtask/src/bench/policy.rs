//! `cargo xtask bench policy`: the library's own benches, and the claims that stand on them.

use super::{
    claim::Claim,
    divan::{self, Row},
    figures::{Spread, table},
    memory,
};
use crate::workspace::{Package, Workspace};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use std::{
    fs,
    process::{Command, ExitCode, Stdio},
};

pub(crate) const LONG_ABOUT: &str = "\
The benches of plimsoll-policy, plimsoll-tower and plimsoll-telemetry, several times over, and the claims that stand on them: \
nanoseconds a call in a steady state, beside governor, tower-resilience and tracing-appender, allocations, and two threads on one instance.

A ratio is taken within each run, and the median of the runs is reported.";

/// Flags of `cargo xtask bench policy`.
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

const CRATES: &[&str] = &["plimsoll-policy", "plimsoll-tower", "plimsoll-telemetry"];

/// Nanoseconds, at most.
const ABSOLUTE: &[(&str, f64)] = &[("breaker_admit_settle", 35.0), ("fused_all", 200.0)];

/// The first divided by the second, at most.
const RATIOS: &[(&str, &str, f64)] = &[
    ("keyed_limiter_10k", "governor_keyed_10k", 1.0),
    ("fused_all", "tower_resilience_all", 0.25),
    ("line_log", "tracing_appender", 1.0),
];

/// Two threads on one instance take at most this many times what one thread takes.
const SHARING: f64 = 3.0;

/// Machines that threads share on the hot path. Each has a bench ending in [`ONE`] and one ending in [`TWO`].
const SHARED: &[&str] = &["breaker", "token_bucket", "keyed_limiter", "fused"];
const ONE: &str = "_one_thread";
const TWO: &str = "_two_threads";

/// No allocation in any of these.
const FREE_OF_ALLOCATION: &[&str] =
    &["breaker_admit_settle", "token_bucket", "keyed_limiter_10k", "fused_all", "line_log"];

/// Every run's rows.
pub(super) struct Findings {
    pub(super) runs: Vec<Vec<Row>>,
}

/// Runs the benches.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let packages: Vec<&Package> = CRATES.iter().filter_map(|name| workspace.package(name)).collect();
    let mut findings = Findings { runs: Vec::new() };
    for number in 1..=options.runs {
        eprintln!("run {number} of {} …", options.runs);
        let mut rows = Vec::new();
        for package in &packages {
            rows.extend(benches(package)?);
        }
        findings.runs.push(rows);
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

pub(super) fn benches(package: &Package) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for target in
        package.targets.iter().filter(|target| target.kind == "bench" && target.name != memory::TARGET)
    {
        let text = fs::read_to_string(&target.source).with_context(|| target.source.display().to_string())?;
        let output = Command::new("cargo")
            .args(["bench", "--quiet", "--package", &package.name, "--bench", &target.name])
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start cargo")?;
        if !output.status.success() {
            bail!("cargo bench --package {} --bench {}: {}", package.name, target.name, output.status);
        }
        rows.extend(divan::read(&String::from_utf8_lossy(&output.stdout), text.contains("AllocProfiler")));
    }
    if rows.is_empty() {
        eprintln!("{} has no bench", package.name);
    }
    Ok(rows)
}

/// The row of that bench: itself, or with its threads or its only argument.
fn find<'a>(rows: &'a [Row], name: &str) -> Option<&'a Row> {
    let exact = rows.iter().find(|row| row.path.rsplit('/').next() == Some(name));
    exact.or_else(|| {
        let below = |row: &&Row| {
            row.path.rsplit_once('/').is_some_and(|(parent, _)| parent.rsplit('/').next() == Some(name))
        };
        let mut children = rows.iter().filter(below);
        let first = children.next();
        rows.iter().find(|row| below(row) && row.path.ends_with("/t=2")).or(if children.next().is_none() {
            first
        } else {
            None
        })
    })
}

impl Findings {
    /// The median over the runs of a figure that may be absent; absent once is absent.
    fn median(&self, figure: impl Fn(&[Row]) -> Option<f64>) -> Option<f64> {
        let figures: Option<Vec<f64>> = self.runs.iter().map(|rows| figure(rows)).collect();
        Spread::of(figures?).map(|spread| spread.median)
    }

    fn nanoseconds(&self, name: &str) -> Option<f64> {
        self.median(|rows| find(rows, name).map(|row| row.median_ns))
    }

    pub(super) fn ratio(&self, one: &str, other: &str) -> Option<f64> {
        self.median(|rows| Some(find(rows, one)?.median_ns / find(rows, other)?.median_ns))
    }

    pub(super) fn allocations(&self, name: &str) -> Option<f64> {
        self.median(|rows| find(rows, name)?.allocations)
    }

    /// Returns the names measured with two threads: those required and any others found.
    fn shared(&self) -> Vec<String> {
        let paths = self.runs.first().into_iter().flatten().flat_map(|row| row.path.split('/'));
        let found = paths.filter_map(|name| name.strip_suffix(TWO));
        let mut all: Vec<String> = SHARED.iter().copied().chain(found).map(str::to_owned).collect();
        all.sort();
        all.dedup();
        all
    }
}

fn claims(findings: &Findings) -> Vec<Claim> {
    let absolute = ABSOLUTE.iter().map(|(name, limit)| Claim {
        what: format!("{name}, ns"),
        limit: *limit,
        found: findings.nanoseconds(name),
    });
    let ratios = RATIOS.iter().map(|(one, other, limit)| Claim {
        what: format!("{one} ÷ {other}"),
        limit: *limit,
        found: findings.ratio(one, other),
    });
    let allocations = FREE_OF_ALLOCATION.iter().map(|name| Claim {
        what: format!("{name}, allocations"),
        limit: 0.0,
        found: findings.allocations(name),
    });
    let sharing = findings.shared().into_iter().map(|name| Claim {
        what: format!("{name}{TWO} ÷ {name}{ONE}"),
        limit: SHARING,
        found: findings.ratio(&format!("{name}{TWO}"), &format!("{name}{ONE}")),
    });
    absolute.chain(ratios).chain(sharing).chain(allocations).collect()
}

/// Every bench once, with the medians over the runs: path, nanoseconds, allocations.
fn medians(findings: &Findings) -> Vec<(&str, Option<f64>, Option<f64>)> {
    let median = |path: &str, figure: fn(&Row) -> Option<f64>| {
        findings.median(|rows| rows.iter().find(|row| row.path == path).and_then(figure))
    };
    let rows = findings.runs.first().into_iter().flatten();
    rows.map(|row| {
        (
            row.path.as_str(),
            median(&row.path, |row| Some(row.median_ns)),
            median(&row.path, |row| row.allocations),
        )
    })
    .collect()
}

pub(super) fn readable(findings: &Findings) -> String {
    let unknown = || "?".to_owned();
    let row = |(path, ns, count): (&str, Option<f64>, Option<f64>)| {
        let allocations = count.map_or_else(unknown, |count| format!("{count:.0}"));
        vec![path.to_owned(), ns.map_or_else(unknown, duration), allocations]
    };
    let rows: Vec<Vec<String>> = medians(findings).into_iter().map(row).collect();
    table(&["bench", "median", "allocations"], &rows)
}

fn duration(ns: f64) -> String {
    match ns {
        ..1e3 => format!("{ns:.1} ns"),
        ..1e6 => format!("{:.1} µs", ns / 1e3),
        _ => format!("{:.1} ms", ns / 1e6),
    }
}

pub(super) fn machine_readable(findings: &Findings) -> Value {
    let each = |(path, ns, count): (&str, Option<f64>, Option<f64>)| json!({"bench": path, "median_ns": ns, "allocations": count});
    medians(findings).into_iter().map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, median_ns: f64) -> Row {
        Row { path: path.to_owned(), median_ns, allocations: None }
    }

    #[test]
    fn a_bench_is_found_by_its_last_name_and_by_its_threads() {
        let rows = [
            row("a/token_bucket", 5.0),
            row("breaker_two_threads/t=1", 1.0),
            row("breaker_two_threads/t=2", 2.0),
            row("x/1", 1.0),
        ];
        assert_eq!(find(&rows, "token_bucket"), Some(&rows[0]));
        assert_eq!(find(&rows, "breaker_two_threads"), Some(&rows[2]));
        assert_eq!(find(&rows, "x"), Some(&rows[3]));
        assert_eq!(find(&rows, "bucket"), None);
    }

    #[test]
    fn ratios_are_taken_within_a_run() {
        let runs = vec![
            vec![row("fused_all", 100.0), row("tower_resilience_all", 1000.0)],
            vec![row("fused_all", 300.0), row("tower_resilience_all", 600.0)],
        ];
        let findings = Findings { runs };
        assert_eq!(findings.ratio("fused_all", "tower_resilience_all"), Some(0.3));
        assert_eq!(findings.nanoseconds("fused_all"), Some(200.0));
        assert_eq!(findings.allocations("fused_all"), None);
        assert_eq!(findings.ratio("fused_all", "absent"), None);
    }

    #[test]
    fn what_must_be_shared_and_what_else_is_are_claims() {
        let runs = vec![vec![row("budget_one_thread", 2.0), row("budget_two_threads/t=2", 5.0)]];
        let claims = claims(&Findings { runs });
        let found = |what: &str| {
            claims.iter().find(|claim| claim.what.starts_with(what)).and_then(|claim| claim.found)
        };
        assert_eq!(found("budget_two_threads"), Some(2.5));
        assert!(claims.iter().any(|claim| claim.what.starts_with("breaker_two_threads") && !claim.kept()));
    }
}
