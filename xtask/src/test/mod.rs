//! `cargo xtask test`: the tests, and what is checked of a source without building it.

mod arrows;
mod imports;
mod postgres;
mod retired;
mod source;

use crate::{
    setup,
    steps::{self, Steps, cargo},
    tools,
    workspace::Workspace,
};
use anyhow::Result;
use clap::Args;
use postgres::Postgres;
pub(crate) use postgres::SHARED;
use std::process::ExitCode;

pub(crate) const LONG_ABOUT: &str = "\
Test everything, in this order, and stop at the first step that fails, with the command that repeats it:

  1. format          cargo fmt --check
  2. source          long files, unfinished work, clocks inside the pure machines, retired names of types, imports
  3. arrows          which crate may use which
  4. tests           unit, property and end-to-end tests: cargo-nextest where it is installed, otherwise cargo test;
                     one PostgreSQL for all of them, with a database for each test
  5. doc tests       every example in the documentation

The remaining checks (clippy, licences, rustdoc, interface, smoke, loom, instructions) are `cargo xtask ci`.

Programs that the tests drive (curl, promtool, h2load, postgresql) are installed first where that is possible (Debian, root).
Elsewhere a missing one is named, and what needs it is skipped. With CI=true a missing one is an error.

The last line is the number of tests that passed and failed, as the test runners counted them.";

/// The command that repeats the checks which need nothing built.
const AGAIN: &str = "cargo xtask test --quick";

/// Flags of `cargo xtask test`.
#[derive(Args)]
pub(crate) struct Options {
    /// Format, source, arrows and unit tests only
    #[arg(long)]
    quick: bool,
}

/// The command itself.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    println!("{}", if options.quick { QUICK } else { FULL });
    steps::run(|workspace, steps| all(options.quick, workspace, steps))
}

const FULL: &str =
    "All tests: about 15 minutes from cold on two cores, half of that when everything is built.";
const QUICK: &str = "Unit tests: about 5 minutes from cold on two cores, one when everything is built.";

/// Runs every step.
pub(crate) fn full(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    all(false, workspace, steps)
}

fn all(quick: bool, workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.command("format", cargo(&["fmt", "--all", "--check"]))?;
    steps.check("source", AGAIN, || source::findings(workspace))?;
    steps.check("arrows", AGAIN, || Ok(arrows::findings(workspace)))?;
    if quick {
        return tests(steps, "unit tests", &["--lib", "--bins"], &["--lib", "--bins"]);
    }
    setup::ensure(tools::FOR_TESTS)?;
    tests(steps, "tests", &[], &["--lib", "--bins", "--tests", "--examples"])?;
    steps.command("doc tests", cargo(&["test", "--workspace", "--all-features", "--doc"])).map(drop)
}

/// Runs the targets by nextest where it is installed. It has no doc tests; `cargo test` must be told to leave them out.
fn tests(steps: &mut Steps, title: &str, nextest: &[&str], cargo_test: &[&str]) -> Result<()> {
    let mut command = if tools::find("cargo-nextest").is_some() {
        let mut command = cargo(&["nextest", "run", "--no-tests=pass"]);
        command.args(nextest);
        command
    } else {
        let mut command = cargo(&["test"]);
        command.args(cargo_test);
        command
    };
    command.args(["--workspace", "--all-features", "--no-fail-fast"]);
    let server = Postgres::start()?;
    if let Some(server) = &server {
        server.name_to(&mut command);
    }
    steps.command(title, command).map(drop)
}
