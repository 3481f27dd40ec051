//! `cargo xtask bench`: every figure that the project claims comes from one of these commands.

mod contenders;
mod figures;
mod gateway;
mod idle;
mod load;
mod peers;
mod process;
mod slice;
mod usage;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// The gateway beside nginx, HAProxy and Envoy, in alternating slices of one run
    #[command(long_about = peers::LONG_ABOUT)]
    Peers(peers::Options),
    /// The gateway alone under several loads: the quick loop of development
    Gateway(gateway::Options),
}

/// Runs one bench. Exit 1 means that a figure was over its limit.
pub(crate) fn run(bench: &Bench) -> Result<ExitCode> {
    match bench {
        Bench::Peers(options) => peers::run(options),
        Bench::Gateway(options) => gateway::run(options),
    }
}
