//! The programs that benches measure, built as they are measured.

use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

/// A program of a package.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program<'a> {
    Binary(&'a str),
    Example(&'a str),
}

/// The profile of every figure that is claimed: that of packages.
const PROFILE: &str = "dist";

/// Builds a program of `package` with these features (separated by commas) and returns its path.
pub(crate) fn program(
    workspace: &Workspace,
    package: &str,
    features: &str,
    program: Program<'_>,
) -> Result<PathBuf> {
    let (kind, name, folder) = match program {
        Program::Binary(name) => ("--bin", name, PROFILE.to_owned()),
        Program::Example(name) => ("--example", name, format!("{PROFILE}/examples")),
    };
    let arguments = ["build", "--profile", PROFILE, "--package", package, "--features", features, kind, name];
    let status = Command::new("cargo")
        .args(arguments)
        .arg("--quiet")
        .stdin(Stdio::null())
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "{name} does not build: cargo {}", arguments.join(" "));
    Ok(workspace.target.join(folder).join(name))
}
