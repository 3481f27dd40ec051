//! `cargo xtask ci`: everything that must hold before a change is merged.

mod licences;
mod loom;

use crate::{
    api,
    bench::{gateway, instructions, serve},
    setup, smoke,
    steps::{self, Steps, cargo},
    test, tools,
    workspace::Workspace,
};
use anyhow::Result;
use clap::Args;
use std::process::ExitCode;

pub(crate) const LONG_ABOUT: &str = "\
Check everything that must hold before a change is merged, in this order, and stop at the first step that fails, with the
command that repeats it:

  1. tests           all steps of `cargo xtask test`; --without-tests leaves them out where they have just run
  2. clippy          the whole workspace, every target and feature, warnings are errors
  3. licences        cargo-deny: bans, licences and sources of every dependency, by deny.toml
  4. documentation   rustdoc, warnings are errors
  5. interface       the public items of the library crates, compared with api/ (cargo xtask api)
  6. smoke           the README's service in a crate of its own: built, run, asked (cargo xtask smoke)
  7. loom            every interleaving of the machines with atomics (up to three preemptions)
  8. instructions    the cost of the hot operations, compared with benches/instructions.toml (valgrind)
  9. a request served
                     instructions and allocations of a request to the library's server, compared with
                     benches/serve.toml (valgrind)
 10. a request       instructions, allocations and copies of a request through the gateway, compared with
                     benches/gateway.toml (valgrind, h2load, nginx)

Programs that the checks drive are installed first where that is possible (Debian, root); cargo-deny is built once into the
target folder. Elsewhere a missing one is named, and what needs it is skipped. With CI=true a missing one is an error.

The last line is the number of tests that passed and failed, as the test runners counted them.";

/// Flags of `cargo xtask ci`.
#[derive(Args)]
pub(crate) struct Options {
    /// Leave out the steps of `cargo xtask test`, because they have just run
    #[arg(long)]
    without_tests: bool,
}

/// The command itself.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    println!("{}", if options.without_tests { REST } else { FULL });
    steps::run(|workspace, steps| {
        if !options.without_tests {
            test::full(workspace, steps)?;
        }
        rest(workspace, steps)
    })
}

const FULL: &str =
    "All checks: about 30 minutes from cold on two cores, half of that when everything is built.";
const REST: &str = "All checks but the tests: about 15 minutes on two cores.";

fn rest(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let clippy = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    steps.command("clippy", cargo(&clippy))?;
    setup::ensure(tools::FOR_CI)?;
    licences::run(workspace, steps)?;
    let mut documentation = cargo(&["doc", "--workspace", "--lib", "--all-features", "--no-deps"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    steps.command("documentation", documentation)?;
    steps.check("interface", "cargo xtask api", || api::findings(workspace))?;
    steps.check("smoke", "cargo xtask smoke", || smoke::findings(workspace))?;
    loom::run(workspace, steps)?;
    counted(workspace, steps)
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
    steps.check("instructions", "cargo xtask bench instructions", || instructions::findings(workspace))?;
    steps.check("a request served", "cargo xtask bench serve --instructions", || {
        serve::instructions::findings(workspace)
    })?;
    if tools::find("h2load").is_none() || tools::find("nginx").is_none() {
        Steps::skipped("a request", "h2load or nginx is not installed");
        return Ok(());
    }
    steps.check("a request", "cargo xtask bench gateway --instructions", || {
        gateway::instructions::findings(workspace)
    })
}
