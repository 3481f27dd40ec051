//! Bans, licences and sources of every dependency, as cargo-deny judges them by `deny.toml`.

use crate::{steps::Steps, tools, workspace::Workspace};
use anyhow::{Context, Result, bail};
use std::{path::PathBuf, process::Command};

/// The version that is built where none is installed.
const VERSION: &str = "0.20.2";

/// Judges, after building cargo-deny into the target folder where the machine has none (about a minute, once).
pub(super) fn run(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let folder = workspace.target.join("tools");
    let Some(program) = tools::find("cargo-deny").or_else(|| build(&folder)) else {
        if tools::on_build_machine() {
            bail!("licences: a build machine must have cargo-deny, and it could not be built");
        }
        Steps::skipped("licences", "cargo-deny is neither installed nor could it be built");
        return Ok(());
    };
    let mut command = Command::new(program);
    // Advisories are left out: their database lies in a git repository, and this must work offline.
    command.args(["--log-level", "error", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    command.current_dir(&workspace.root);
    steps.command("licences", command).map(drop)
}

fn build(folder: &std::path::Path) -> Option<PathBuf> {
    let program = folder.join("bin/cargo-deny");
    if program.is_file() {
        return Some(program);
    }
    println!("\nsetup: cargo install cargo-deny {VERSION} into {}", folder.display());
    let status = Command::new("cargo")
        // Not optimised: it judges for a second, and would build for minutes.
        .args([
            "install",
            "cargo-deny",
            "--version",
            VERSION,
            "--locked",
            "--quiet",
            "--no-default-features",
            "--debug",
        ])
        .arg("--root")
        .arg(folder)
        .env("CARGO_TARGET_DIR", folder.join("build"))
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_INCREMENTAL", "0")
        .status()
        .context("cannot start cargo");
    if !status.is_ok_and(|status| status.success()) {
        return None;
    }
    std::fs::remove_dir_all(folder.join("build")).ok();
    Some(program)
}
