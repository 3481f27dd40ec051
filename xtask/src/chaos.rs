//! `cargo xtask chaos`: the example service under load, while everything around it dies.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::process::{Command, ExitCode};

/// Flags of `cargo xtask chaos`.
#[derive(Args)]
pub(crate) struct Options {
    /// How long the load lasts
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Customers at once
    #[arg(long, default_value_t = 16)]
    customers: u32,
    /// Of the customers' draws; of the first run where there are several
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Runs, one after the other, each with the next seed
    #[arg(long, default_value_t = 1)]
    runs: u32,
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
    let mut failed = Vec::new();
    for seed in (options.seed..).take(options.runs as usize) {
        println!("seed {seed}, {} s", options.seconds);
        let status = Command::new("python3")
            .arg(workspace.root.join("examples/orders/chaos"))
            .arg("--binary")
            .arg(workspace.target.join("release/orders"))
            .args(["--seconds", &options.seconds.to_string(), "--customers", &options.customers.to_string()])
            .args(["--seed", &seed.to_string()])
            .status()
            .context("cannot start python3")?;
        if !status.success() {
            failed.push(seed);
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("failed: seeds {failed:?} of {} s", options.seconds);
    Ok(ExitCode::FAILURE)
}
