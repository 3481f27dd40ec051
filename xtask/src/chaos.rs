//! `cargo xtask chaos`: the example service under load, while everything around it dies.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::workspace::Workspace;

/// Flags of `cargo xtask chaos`.
#[derive(Args)]
pub(crate) struct Options {
    /// How long the load lasts
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Customers at once
    #[arg(long, default_value_t = 16)]
    customers: u32,
}

/// Builds the service, and leaves the rest to a script that shares nothing with it.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let built = Command::new("cargo")
        .args(["build", "--release", "--package", "orders"])
        .status()
        .context("cannot start cargo")?;
    if !built.success() {
        bail!("the example service does not build");
    }
    let status = Command::new("python3")
        .arg(workspace.root.join("examples/orders/chaos"))
        .arg("--binary")
        .arg(workspace.target.join("release/orders"))
        .args(["--seconds", &options.seconds.to_string(), "--customers", &options.customers.to_string()])
        .status()
        .context("cannot start python3")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
