//! `cargo xtask bench instructions`: instructions an operation, which repeat where times do not.

use super::{
    build, counting,
    record::{Counts, RecordFile},
};
use crate::{tools, workspace::Workspace};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::{
    path::Path,
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

const RECORD: RecordFile = RecordFile {
    path: "benches/instructions.toml",
    title: "Instructions an operation takes.",
    command: "cargo xtask bench instructions",
    // Keyed hashes draw their keys anew in each run, which moves a count by a little.
    tolerance: 1.03,
};

/// The command itself.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    if !exists(&workspace) {
        bail!("{PACKAGE} has no example {EXAMPLE}");
    }
    if options.bless {
        RECORD.bless(&workspace.root, &count(&workspace)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(counting::verdict(&findings(&workspace)?))
}

/// True when the example is there to be counted.
pub(crate) fn exists(workspace: &Workspace) -> bool {
    let targets = workspace.package(PACKAGE).map(|package| package.targets.as_slice()).unwrap_or_default();
    targets.iter().any(|target| target.kind == "example" && target.name == EXAMPLE)
}

/// Counts, prints the comparison, and returns every operation that takes more than is recorded or is not recorded.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<String>> {
    RECORD.findings(&workspace.root, &count(workspace)?)
}

fn count(workspace: &Workspace) -> Result<Counts> {
    let program = build::program(workspace, PACKAGE, "", build::Program::Example(EXAMPLE))?;
    let mut operations = listed(&program)?;
    operations.extend(RECORD.recorded(&workspace.root)?.into_keys());
    operations.sort();
    operations.dedup();
    let mut counts = Counts::new();
    for operation in operations {
        let few = executed(&program, &[&operation, "1000"])?;
        let many = executed(&program, &[&operation, "11000"])?;
        counts.insert(operation, many.saturating_sub(few) as f64 / 10_000.0);
    }
    Ok(counts)
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

/// Runs a program under valgrind to its end and returns the instructions that it took.
pub(super) fn executed(program: &Path, arguments: &[&str]) -> Result<u64> {
    executed_into(Path::new("/dev/null"), program, arguments)
}

/// The same, and writes where they were taken to `dump`.
pub(super) fn executed_into(dump: &Path, program: &Path, arguments: &[&str]) -> Result<u64> {
    let valgrind = tools::find("valgrind").context("valgrind is not installed: cargo xtask setup")?;
    let output = Command::new(valgrind)
        .args(["--tool=callgrind", &format!("--callgrind-out-file={}", dump.display())])
        .arg(program)
        .args(arguments)
        .output()
        .context("cannot start valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr);
    let called = || format!("{} {}", program.display(), arguments.join(" "));
    ensure!(output.status.success(), "{} under valgrind: {}\n{}", called(), output.status, text.trim());
    collected(&text).with_context(|| format!("valgrind counted nothing for {}", called()))
}

/// The count in valgrind's `==123== Collected : 456`.
fn collected(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_valgrind() {
        assert_eq!(collected("==7== \n==7== Events    : Ir\n==7== Collected : 123456\n"), Some(123_456));
        assert_eq!(collected("==7== nothing"), None);
    }
}
