//! The machines with atomics, under every interleaving that loom can find.

use crate::{
    steps::{Steps, cargo},
    workspace::Workspace,
};
use anyhow::{Result, ensure};
use std::{fs, path::Path};

/// Runs the unit tests with `loom` in their path, of every crate that has `cfg(loom)` in its sources.
pub(super) fn run(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let mut command = cargo(&["test", "--release", "--lib"]);
    let mut any = false;
    for package in &workspace.packages {
        let uses_loom = package.dependencies.iter().any(|dependency| dependency.name == "loom");
        if uses_loom && mentions_loom(&package.folder.join("src"))? {
            command.args(["--package", &package.name]);
            any = true;
        }
    }
    if !any {
        Steps::skipped("loom", "no crate has a loom test yet");
        return Ok(());
    }
    command
        .arg("loom")
        .env("RUSTFLAGS", "--cfg loom")
        .env("LOOM_MAX_PREEMPTIONS", "3")
        .env("CARGO_TARGET_DIR", workspace.target.join("loom"))
        // Optimised, because loom runs a test many thousand times; but linked once and thrown away.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    let tally = steps.command("loom", command)?;
    ensure!(tally.passed > 0, "loom: a crate mentions cfg(loom), but no test has loom in its path");
    Ok(())
}

fn mentions_loom(folder: &Path) -> Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            mentions_loom(&path)?
        } else {
            fs::read_to_string(&path)?.lines().any(|line| line.contains("cfg(") && line.contains("loom"))
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}
