//! `cargo xtask test`: everything that must hold before a change is taken.

mod arrows;
mod licences;
mod loom;
mod postgres;
mod source;
mod steps;
mod tally;

use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;

use crate::api;
use crate::bench::instructions;
use crate::workspace::Workspace;
use crate::{setup, smoke, tools};
use postgres::Postgres;
use steps::Steps;

pub(crate) const LONG_ABOUT: &str = "\
Check and test everything, in this order, and stop at the first step that fails, with the command that repeats it:

  1. format          cargo fmt --check
  2. source          long files, work left for later, clocks inside the pure machines
  3. arrows          which crate may use which
  4. licences        cargo-deny: bans, licences and sources of every dependency, by deny.toml
  5. clippy          the whole workspace, every target and feature, warnings are errors
  6. tests           unit, property and end-to-end tests: cargo-nextest where it is installed, otherwise cargo test;
                     one PostgreSQL for all of them, with a database for each test
  7. doc tests       every example in the documentation
  8. documentation   rustdoc, warnings are errors
  9. interface       what the library crates show, beside api/ (cargo xtask api)
 10. smoke           the README's service in a crate of its own: built, run, asked (cargo xtask smoke)
 11. loom            every interleaving of the machines with atomics (up to three preemptions)
 12. instructions    what the hot operations take, beside benches/instructions.toml (valgrind)

Programs that the tests drive (curl, promtool, h2load, valgrind, postgresql) are installed first where that is possible (Debian, root);
cargo-deny is built once into the target folder. Elsewhere a missing one is named, and what needs it is skipped.
With CI=true a missing one is an error.

The last line is the number of tests that passed and failed, as the test runners counted them.";

/// Repeats the checks that need nothing built.
const AGAIN: &str = "cargo xtask test --quick";

/// Flags of `cargo xtask test`.
#[derive(Args)]
pub(crate) struct Options {
    /// Format, source, arrows, clippy and unit tests only
    #[arg(long)]
    quick: bool,
}

/// Runs the steps.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut steps = Steps::new();
    let outcome = all(options, &workspace, &mut steps);
    if let Err(error) = &outcome {
        println!("\n{error:#}");
    }
    steps.conclude(&outcome);
    // The error is told already, so that the count stays the last line.
    Ok(if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn all(options: &Options, workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.command("format", cargo(&["fmt", "--all", "--check"]))?;
    steps.check("source", AGAIN, || source::findings(workspace))?;
    steps.check("arrows", AGAIN, || Ok(arrows::findings(workspace)))?;
    if !options.quick {
        setup::ensure(tools::FOR_TESTS)?;
        licences::run(workspace, steps)?;
    }
    let clippy = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    steps.command("clippy", cargo(&clippy))?;
    tests(options, steps)?;
    if options.quick {
        return Ok(());
    }
    steps.command("doc tests", cargo(&["test", "--workspace", "--all-features", "--doc"]))?;
    let mut documentation = cargo(&["doc", "--workspace", "--lib", "--all-features", "--no-deps"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    steps.command("documentation", documentation)?;
    steps.check("interface", "cargo xtask api", || api::findings(workspace))?;
    steps.check("smoke", "cargo xtask smoke", || smoke::findings(workspace))?;
    loom::run(workspace, steps)?;
    counted(workspace, steps)
}

fn tests(options: &Options, steps: &mut Steps) -> Result<()> {
    let mut command = if tools::find("cargo-nextest").is_some() {
        cargo(&["nextest", "run", "--workspace", "--all-features", "--no-fail-fast", "--no-tests=pass"])
    } else if options.quick {
        cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"])
    } else {
        cargo(&[
            "test",
            "--workspace",
            "--all-features",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
        ])
    };
    if options.quick {
        command.args(["--lib", "--bins"]);
    }
    let server = Postgres::start()?;
    if let Some(server) = &server {
        server.name_to(&mut command);
    }
    steps.command(if options.quick { "unit tests" } else { "tests" }, command).map(drop)
}

fn counted(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    if tools::find("valgrind").is_none() {
        Steps::skipped("instructions", "valgrind is not installed");
        return Ok(());
    }
    if !instructions::exists(workspace) {
        Steps::skipped("instructions", "there is no example that counts them");
        return Ok(());
    }
    steps.check("instructions", "cargo xtask bench instructions", || instructions::findings(workspace))
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    command
}
