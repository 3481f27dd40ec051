//! `cargo xtask bench instructions`: instructions an operation, which repeat where times do not.

use super::figures::table;
use crate::{tools, workspace::Workspace};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

pub(crate) const LONG_ABOUT: &str = "\
Runs every operation of the example `instructions` of plimsoll-tower under valgrind, 1,000 and 11,000 times; the difference is \
what 10,000 of them take. Exit 1 when one takes over 3 % more than benches/instructions.toml records, or is not recorded.";

/// Flags of `cargo xtask bench instructions`.
#[derive(Args)]
pub(crate) struct Options {
    /// Record what is found
    #[arg(long)]
    bless: bool,
}

const PACKAGE: &str = "plimsoll-tower";
const EXAMPLE: &str = "instructions";
const RECORD: &str = "benches/instructions.toml";

/// Keyed hashes draw their keys anew in each run, which moves a count by a little.
const TOLERANCE: f64 = 1.03;

/// Counts by operation.
type Counts = BTreeMap<String, f64>;

/// The checked-in counts, and where they hold.
struct Record {
    compiler: String,
    operations: Counts,
}

/// The command itself.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    if !exists(&workspace) {
        bail!("{PACKAGE} has no example {EXAMPLE}");
    }
    if options.bless {
        let recorded = read(&workspace.root)?.map(|record| record.operations).unwrap_or_default();
        let counts = count(&workspace, &recorded)?;
        fs::write(workspace.root.join(RECORD), written(&compiler()?, &counts)).context(RECORD)?;
        print!("{}", compared(&counts, &recorded));
        return Ok(ExitCode::SUCCESS);
    }
    let findings = findings(&workspace)?;
    for finding in &findings {
        println!("{finding}");
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// True when the example is there to be counted.
pub(crate) fn exists(workspace: &Workspace) -> bool {
    let targets = workspace.package(PACKAGE).map(|package| package.targets.as_slice()).unwrap_or_default();
    targets.iter().any(|target| target.kind == "example" && target.name == EXAMPLE)
}

/// Counts, prints the comparison, and returns every operation that takes more than is recorded or is not recorded.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<String>> {
    let Some(record) = read(&workspace.root)? else {
        return Ok(vec![format!(
            "{RECORD} is not there; write it with: cargo xtask bench instructions --bless"
        )]);
    };
    let counts = count(workspace, &record.operations)?;
    print!("{}", compared(&counts, &record.operations));
    let here = compiler()?;
    if here != record.compiler {
        println!(
            "NOT GUARDED: recorded with {}, built here with {here}; other compilers, other counts",
            record.compiler
        );
        return Ok(Vec::new());
    }
    Ok(judge(&counts, &record.operations))
}

fn judge(counts: &Counts, recorded: &Counts) -> Vec<String> {
    let mut found = Vec::new();
    for (operation, count) in counts {
        match recorded.get(operation) {
            None => found.push(format!(
                "{operation}: {count:.1} instructions, not recorded in {RECORD} (--bless records it)"
            )),
            Some(before) if *count > before * TOLERANCE => {
                found.push(format!(
                    "{operation}: {count:.1} instructions, {before:.1} recorded: over 3 % more"
                ));
            }
            Some(_) => {}
        }
    }
    found
}

fn count(workspace: &Workspace, recorded: &Counts) -> Result<Counts> {
    let valgrind = tools::find("valgrind").context("valgrind is not installed: cargo xtask setup")?;
    let program = build(workspace)?;
    let mut operations = listed(&program)?;
    operations.extend(recorded.keys().cloned());
    operations.sort();
    operations.dedup();
    let mut counts = Counts::new();
    for operation in operations {
        let few = instructions(&valgrind, &program, &operation, 1_000)?;
        let many = instructions(&valgrind, &program, &operation, 11_000)?;
        counts.insert(operation, many.saturating_sub(few) as f64 / 10_000.0);
    }
    Ok(counts)
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--package", PACKAGE, "--example", EXAMPLE])
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("the example does not build: cargo build --release --package {PACKAGE} --example {EXAMPLE}");
    }
    Ok(workspace.target.join("release/examples").join(EXAMPLE))
}

/// The operations that the program knows, one a line.
fn listed(program: &Path) -> Result<Vec<String>> {
    let output = Command::new(program).arg("--list").output().context("cannot start the example")?;
    let names: Vec<String> =
        String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim().to_owned()).collect();
    if !output.status.success() || names.is_empty() {
        bail!("{EXAMPLE} --list must print the operations, one a line");
    }
    Ok(names)
}

fn instructions(valgrind: &Path, program: &Path, operation: &str, times: u32) -> Result<u64> {
    let output = Command::new(valgrind)
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([operation, &times.to_string()])
        .output()
        .context("cannot start valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{EXAMPLE} {operation} {times}: {}\n{}", output.status, text.trim());
    }
    collected(&text).with_context(|| format!("valgrind counted nothing for {operation}"))
}

/// The count in valgrind's `==123== Collected : 456`.
pub(super) fn collected(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

/// `rustc`'s version and architecture: a count holds for both together.
pub(super) fn compiler() -> Result<String> {
    let output =
        Command::new("rustc").args(["--version", "--verbose"]).output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).map(str::to_owned);
    let release = line("release:").context("rustc does not say its release")?;
    let host = line("host:").context("rustc does not say its host")?;
    Ok(format!("{release} {host}"))
}

fn read(root: &Path) -> Result<Option<Record>> {
    let path = root.join(RECORD);
    if !path.exists() {
        return Ok(None);
    }
    parse(&fs::read_to_string(&path).context(RECORD)?).context(RECORD).map(Some)
}

fn parse(text: &str) -> Result<Record> {
    let table: toml::Table = text.parse()?;
    let compiler =
        table.get("compiler").and_then(toml::Value::as_str).context("compiler is missing")?.to_owned();
    let operations =
        table.get("operations").and_then(toml::Value::as_table).context("[operations] is missing")?;
    let number =
        |value: &toml::Value| value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
    let operations = operations
        .iter()
        .map(|(name, value)| {
            Ok((name.clone(), number(value).with_context(|| format!("{name} is no number"))?))
        })
        .collect::<Result<Counts>>()?;
    Ok(Record { compiler, operations })
}

fn written(compiler: &str, counts: &Counts) -> String {
    let lines: Vec<String> =
        counts.iter().map(|(operation, count)| format!("{operation} = {count:.1}\n")).collect();
    format!(
        "# Instructions an operation takes. `cargo xtask bench instructions` compares, `--bless` writes.\n\
         compiler = \"{compiler}\"\n\n[operations]\n{}",
        lines.concat()
    )
}

fn compared(counts: &Counts, recorded: &Counts) -> String {
    let row = |(operation, count): (&String, &f64)| {
        let before = recorded.get(operation);
        let change = before
            .map_or_else(|| "new".to_owned(), |before| format!("{:+.1} %", (count / before - 1.0) * 100.0));
        vec![
            operation.clone(),
            format!("{count:.1}"),
            before.map_or_else(String::new, |before| format!("{before:.1}")),
            change,
        ]
    };
    table(&["operation", "instructions", "recorded", "change"], &counts.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, f64)]) -> Counts {
        pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn over_three_per_cent_and_unrecorded_are_found() {
        let recorded = counts(&[("a", 100.0), ("b", 100.0), ("c", 100.0)]);
        assert_eq!(judge(&counts(&[("a", 103.0), ("b", 50.0)]), &recorded), Vec::<String>::new());
        assert_eq!(judge(&counts(&[("a", 103.1), ("d", 1.0)]), &recorded).len(), 2);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = written(
            "1.95.0 x86_64-unknown-linux-gnu",
            &counts(&[("breaker_admit_settle", 84.25), ("token_bucket", 30.0)]),
        );
        let record = parse(&text).unwrap();
        assert_eq!(record.compiler, "1.95.0 x86_64-unknown-linux-gnu");
        assert_eq!(record.operations, counts(&[("breaker_admit_settle", 84.2), ("token_bucket", 30.0)]));
        assert!(parse("[operations]").is_err());
        assert!(parse("compiler = \"x\"\n[operations]\na = \"many\"").is_err());
    }

    #[test]
    fn reads_valgrind() {
        assert_eq!(collected("==7== \n==7== Events    : Ir\n==7== Collected : 123456\n"), Some(123_456));
        assert_eq!(collected("==7== nothing"), None);
    }
}
