//! `cargo xtask fuzz`: mutated messages, for as long as it is told to.

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use std::{
    process::{Command, ExitCode},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const ABOUT_GATEWAY: &str = "\
Sends mutated requests (HTTP/1.1 and HTTP/2) through gateways to an origin on hyper and one on Python's http.server, and mutated \
responses to clients. Whatever an origin has read must have been framed by a client, by the rules of RFC 9112 and RFC 9113, as \
often and with the same fields and body; what a client gets must be its own response. Nothing may panic, hang, or keep \
connections.

A finding is printed with the seed that makes it again, and the run goes on; it fails at its end. The first few seeds are among \
the tests as well.";

/// The target to fuzz.
#[derive(Subcommand)]
pub(crate) enum Fuzz {
    /// The gateway between clients and origins that it cannot trust
    #[command(long_about = ABOUT_GATEWAY)]
    Gateway(Options),
}

/// Flags of `cargo xtask fuzz gateway`.
#[derive(Args)]
pub(crate) struct Options {
    /// How long to go on; at least one seed is finished
    #[arg(long, default_value_t = 1)]
    minutes: u32,
    /// The first seed; the next ones follow. Left out, one that nobody has had yet
    #[arg(long)]
    seed: Option<u32>,
    /// Build with optimisations: more in the same time, but overflows go unnoticed
    #[arg(long)]
    release: bool,
}

/// The command itself.
pub(crate) fn run(Fuzz::Gateway(options): &Fuzz) -> Result<ExitCode> {
    let seed = options.seed.map_or_else(by_the_clock, u64::from);
    let time = Duration::from_secs(u64::from(options.minutes) * 60);
    println!("{} min from seed {seed}", options.minutes);
    let mut command = Command::new("cargo");
    command.args(["test", "--quiet", "--package", "plimsoll-gateway", "--test", "fuzz"]);
    if options.release {
        command.arg("--release");
    }
    command.args(["--", "--exact", "for_as_long_as_it_is_told", "--nocapture"]);
    command.env("PLIMSOLL_FUZZ_SEED", seed.to_string());
    command.env("PLIMSOLL_FUZZ_SECONDS", time.as_secs().to_string());
    let found_nothing = command.status().context("cannot start cargo")?.success();
    Ok(if found_nothing { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A seed that differs from run to run. Runs within the same minutes have seeds in common.
fn by_the_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs() * 16)
}
