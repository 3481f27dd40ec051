//! `cargo xtask setup`: the programs that checks and benches drive, from the distribution's packages.

use crate::tools::{self, Tool};
use anyhow::{Context, Result, bail};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

/// The command itself.
pub(crate) fn run() -> Result<()> {
    let missing = ensure(tools::ALL)?;
    if missing.is_empty() {
        println!("everything is here: {}", names(tools::ALL.iter().map(|tool| tool.program)));
    }
    Ok(())
}

/// Installs what is missing where it may, and says what it could not install.
///
/// # Errors
/// On a build machine (`CI` set), when something is still missing; elsewhere a missing program only costs its checks.
pub(crate) fn ensure(wanted: &[Tool]) -> Result<Vec<Tool>> {
    let mut missing = absent(wanted);
    if missing.is_empty() {
        return Ok(missing);
    }
    let install = format!("apt-get install --yes {}", names(packages(&missing)));
    if may_install()? {
        println!("setup: {install}");
        if let Err(error) = apt(&packages(&missing)) {
            eprintln!("setup: {error:#}");
        }
        missing = absent(wanted);
    }
    for tool in &missing {
        println!("MISSING {}: skipped without it: {}", tool.program, tool.purpose);
    }
    if !missing.is_empty() {
        println!("MISSING programs can be installed with: sudo {install}");
        if tools::on_build_machine() {
            bail!("a build machine must have {}", names(missing.iter().map(|tool| tool.program)));
        }
    }
    Ok(missing)
}

fn absent(wanted: &[Tool]) -> Vec<Tool> {
    wanted.iter().copied().filter(|tool| tools::find(tool.program).is_none()).collect()
}

fn packages(missing: &[Tool]) -> Vec<&'static str> {
    missing.iter().map(|tool| tool.package).collect()
}

fn names<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().collect::<Vec<_>>().join(" ")
}

fn may_install() -> Result<bool> {
    let output = Command::new("id").arg("-u").output().context("cannot start id")?;
    Ok(output.stdout.trim_ascii() == b"0" && tools::find("apt-get").is_some())
}

fn apt(packages: &[&str]) -> Result<()> {
    // Debian starts a server as soon as it is unpacked; nobody asked for one on port 80.
    let _quiet = NoServices::begin();
    apt_get(&["update"])?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    apt_get(&arguments)
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .args(["-qq", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .context("cannot start apt-get")?;
    if !status.success() {
        bail!("apt-get {} failed: {status}", arguments.join(" "));
    }
    Ok(())
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// While it lives, installing a package starts no service. A policy that the machine already has is left as it is.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn begin() -> Self {
        let ours = !Path::new(POLICY).exists()
            && fs::write(POLICY, "#!/bin/sh\nexit 101\n").is_ok()
            && fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)).is_ok();
        Self { ours }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("setup: {POLICY} is still there and keeps services from starting: {error}");
        }
    }
}
