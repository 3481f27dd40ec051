//! `cargo xtask bench policy`: the library's own benches, and the claims that stand on them.

use std::fs;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::claim::Claim;
use super::divan::{self, Row};
use super::figures::{Spread, table};
use crate::workspace::{Package, Workspace};

pub(crate) const LONG_ABOUT: &str = "\
The benches of plimsoll-policy, plimsoll-tower and plimsoll-telemetry, several times over, and the claims that stand on them: \
nanoseconds a call in a steady state, beside governor and tower-resilience, allocations, and two threads on one instance.

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
    ("breaker_two_threads", "breaker_admit_settle", 3.0),
    ("token_bucket_two_threads", "token_bucket", 3.0),
    ("keyed_limiter_two_threads", "keyed_limiter_10k", 3.0),
    ("fused_two_threads", "fused_all", 3.0),
];

/// No allocation in any of these.
const FREE_OF_ALLOCATION: &[&str] =
    &["breaker_admit_settle", "token_bucket", "keyed_limiter_10k", "fused_all"];

/// Every run's rows, and the packages whose benches count allocations.
struct Findings {
    runs: Vec<Vec<Row>>,
    counts_allocations: bool,
}

/// Runs the benches.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let packages: Vec<&Package> = CRATES.iter().filter_map(|name| workspace.package(name)).collect();
    let mut findings = Findings { runs: Vec::new(), counts_allocations: counts_allocations(&packages)? };
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

fn benches(package: &Package) -> Result<Vec<Row>> {
    let targets = package.targets.iter().filter(|(kind, _)| kind == "bench");
    let arguments: Vec<&str> = targets.flat_map(|(_, name)| ["--bench", name]).collect();
    if arguments.is_empty() {
        eprintln!("{} has no bench", package.name);
        return Ok(Vec::new());
    }
    let output = Command::new("cargo")
        .args(["bench", "--quiet", "--package", &package.name])
        .args(&arguments)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo bench --package {} {}: {}", package.name, arguments.join(" "), output.status);
    }
    Ok(divan::read(&String::from_utf8_lossy(&output.stdout)))
}

/// Divan says nothing of allocations both where there were none and where nobody counted.
fn counts_allocations(packages: &[&Package]) -> Result<bool> {
    let mut any = false;
    for package in packages {
        for (_, name) in package.targets.iter().filter(|(kind, _)| kind == "bench") {
            let path = package.folder.join("benches").join(format!("{name}.rs"));
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            if !text.contains("AllocProfiler") {
                eprintln!("{} does not count allocations", path.display());
                return Ok(false);
            }
            any = true;
        }
    }
    Ok(any)
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

    fn ratio(&self, one: &str, other: &str) -> Option<f64> {
        self.median(|rows| Some(find(rows, one)?.median_ns / find(rows, other)?.median_ns))
    }

    fn allocations(&self, name: &str) -> Option<f64> {
        self.counts_allocations.then(|| self.median(|rows| find(rows, name).map(|row| row.allocations)))?
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
    absolute.chain(ratios).chain(allocations).collect()
}

/// Every bench once, with the medians over the runs: path, nanoseconds, allocations.
fn medians(findings: &Findings) -> Vec<(&str, f64, f64)> {
    let paths = findings.runs.first().into_iter().flatten().map(|row| row.path.as_str());
    let figure = |path: &str, of: fn(&Row) -> f64| {
        findings.median(|rows| rows.iter().find(|row| row.path == path).map(of)).unwrap_or(f64::NAN)
    };
    paths.map(|path| (path, figure(path, |row| row.median_ns), figure(path, |row| row.allocations))).collect()
}

fn readable(findings: &Findings) -> String {
    let allocations =
        |count: f64| if findings.counts_allocations { count.to_string() } else { "not counted".to_owned() };
    let rows: Vec<Vec<String>> = medians(findings)
        .into_iter()
        .map(|(path, nanoseconds, count)| {
            vec![path.to_owned(), format!("{nanoseconds:.1}"), allocations(count)]
        })
        .collect();
    table(&["bench", "ns", "allocations"], &rows)
}

fn machine_readable(findings: &Findings) -> Value {
    let each = |(path, ns, count): (&str, f64, f64)| json!({"bench": path, "median_ns": ns, "allocations": findings.counts_allocations.then_some(count)});
    medians(findings).into_iter().map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, median_ns: f64) -> Row {
        Row { path: path.to_owned(), median_ns, allocations: 0.0 }
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
        let findings = Findings { runs, counts_allocations: false };
        assert_eq!(findings.ratio("fused_all", "tower_resilience_all"), Some(0.3));
        assert_eq!(findings.nanoseconds("fused_all"), Some(200.0));
        assert_eq!(findings.allocations("fused_all"), None);
        assert_eq!(findings.ratio("fused_all", "absent"), None);
    }
}
