//! `cargo xtask bench gateway`: the gateway alone, for the quick loop of development.

pub(crate) mod instructions;

use super::{
    contenders::{self, Contender, Origin, Policies},
    counting::Counting,
    figures::table,
    load::Load,
    process,
    slice::{Series, Slice},
};
use crate::{setup, tools, workspace::Workspace};
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Flags of `cargo xtask bench gateway`.
#[derive(Args)]
pub(crate) struct Options {
    /// Slices of each load
    #[arg(long, default_value_t = 4)]
    rounds: u32,
    /// Seconds of one slice
    #[arg(long, default_value_t = 2)]
    seconds: u32,
    /// Compare with another build of the program instead, such as that of an earlier commit
    #[arg(long, value_name = "PROGRAM", conflicts_with_all = ["instructions", "profile", "bless"])]
    against: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    counting: Counting,
}

/// Runs every load in turn.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    setup::ensure(tools::FOR_BENCHES)?;
    process::end_all_on_signal()?;
    let workspace = Workspace::load()?;
    if let Some(counted) = options.counting.run(&workspace, instructions::RECORD, instructions::count)? {
        return Ok(counted);
    }
    let origin = Origin::start(&workspace.target.join("bench"))?;
    let careful = contenders::ours(&workspace, &origin.place, Policies::Careful)?;
    if let Some(program) = &options.against {
        let other = contenders::build(program, &workspace, &origin.place, Policies::Careful)?;
        return compare(options, &careful, &other);
    }
    let off = contenders::ours(&workspace, &origin.place, Policies::Off)?;
    let mut found = Vec::new();
    let plan: [(Load, &[&Contender]); 4] = [
        (Load::Small, &[&off, &careful]),
        (Load::Http2, &[&careful]),
        (Load::Medium, &[&careful]),
        (Load::Large, &[&careful]),
    ];
    for (load, servers) in plan {
        eprintln!("{} …", load.title());
        found.extend(
            Series::take(servers, load, options.rounds, options.seconds)?
                .into_iter()
                .map(|series| (load, series)),
        );
    }
    if options.json {
        println!(
            "{:#}",
            found.iter().map(|(load, series)| machine_readable(*load, series)).collect::<serde_json::Value>()
        );
    } else {
        print!("{}", readable(&found));
    }
    Ok(ExitCode::SUCCESS)
}

/// The loads under which two builds are compared.
const COMPARED: [Load; 4] = [Load::Small, Load::Http2, Load::Medium, Load::Large];

/// Runs every load on both in turn.
fn compare(options: &Options, ours: &Contender, other: &Contender) -> Result<ExitCode> {
    let mut rows = Vec::new();
    for load in COMPARED {
        eprintln!("{} …", load.title());
        let series = Series::take(&[ours, other], load, options.rounds, options.seconds)?;
        let [ours, other] = &series[..] else { unreachable!("two servers, two series") };
        let ratio = ours.against(other).context("no slice was taken")?;
        if options.json {
            println!(
                "{:#}",
                json!({"load": load.key(), "ratio": ratio.median, "least": ratio.least, "greatest": ratio.greatest})
            );
        }
        rows.push(vec![
            load.title().to_owned(),
            micros(ours.median(Slice::cost)),
            micros(other.median(Slice::cost)),
            format!("{:.3}", ratio.median),
            format!("{:.3} to {:.3}", ratio.least, ratio.greatest),
        ]);
    }
    if !options.json {
        print!("{}", table(&["load", "CPU µs/request", "of the other", "ratio", "spread"], &rows));
    }
    Ok(ExitCode::SUCCESS)
}

/// One series as JSON; costs in microseconds of CPU, memory in bytes.
pub(super) fn machine_readable(load: Load, series: &Series) -> serde_json::Value {
    json!({
        "load": load.key(),
        "server": series.name,
        "cpu_us_per_request": series.median(Slice::cost),
        "user_us_per_request": series.median(Slice::user_cost),
        "requests_per_second": series.median(Slice::rate),
        "resident_bytes": series.resident,
        "slices_cpu_us_per_request": series.slices.iter().map(Slice::cost).collect::<Vec<_>>(),
    })
}

fn readable(found: &[(Load, Series)]) -> String {
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|(load, series)| {
            let mut row = vec![format!("{}: {}", series.name, load.title())];
            row.extend(figures(series));
            row
        })
        .collect();
    table(&["load", "CPU µs/request", "of it user", "requests/s", "memory MB"], &rows)
}

/// Cost, user part, rate and memory, as cells of a table.
pub(super) fn figures(series: &Series) -> [String; 4] {
    [
        micros(series.median(Slice::cost)),
        micros(series.median(Slice::user_cost)),
        format!("{:.0}", series.median(Slice::rate)),
        format!("{:.1}", series.resident as f64 / 1e6),
    ]
}

/// Tenths matter for small requests only.
fn micros(figure: f64) -> String {
    if figure < 1000.0 { format!("{figure:.1}") } else { format!("{figure:.0}") }
}
