//! Good requests beside bad clients: an example of the gateway makes both, in one mode after another, and reports.

use super::{build, claim::Claim};
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;
use std::process::{Command, ExitCode};

/// Flags of such a bench.
#[derive(Args)]
pub(crate) struct Options {
    /// Seconds beside the bad clients; the limits that they run into are over after 30
    #[arg(long, default_value_t = 45)]
    pub(super) seconds: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit 1 unless every claimed limit is kept
    #[arg(long)]
    assert: bool,
}

/// The programs and options of such a bench.
pub(super) struct Bench {
    /// The example's name.
    pub(super) example: &'static str,
    pub(super) modes: &'static [&'static str],
    /// Seconds that a mode takes with these options.
    pub(super) seconds: u32,
    pub(super) claims_of: fn(&str, &Value) -> Vec<Claim>,
}

/// Runs its modes, one after the other.
pub(super) fn run(bench: &Bench, options: &Options) -> Result<ExitCode> {
    let Bench { example, modes, seconds, claims_of } = bench;
    let workspace = Workspace::load()?;
    let program = build::program(&workspace, "plimsoll-gateway", "", build::Program::Example(example))?;
    let (mut claims, mut reports) = (Vec::new(), Vec::new());
    for mode in *modes {
        eprintln!("{mode}: {seconds} s …");
        let output = Command::new(&program)
            .args([*mode, &options.seconds.to_string()])
            .output()
            .with_context(|| format!("cannot start {}", program.display()))?;
        ensure!(output.status.success(), "{mode}: {}", String::from_utf8_lossy(&output.stderr).trim());
        let report: Value = serde_json::from_slice(&output.stdout).context("the report is no JSON")?;
        claims.extend(claims_of(mode, &report));
        reports.push(report);
    }
    if options.json {
        println!("{:#}", serde_json::json!({"reports": reports, "claims": Claim::machine_readable(&claims)}));
    } else {
        for report in &reports {
            println!("{report}");
        }
        print!("{}", Claim::table(&claims));
    }
    let missed = options.assert && !claims.iter().all(Claim::kept);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
