//! `cargo xtask bench files`: our files beside tower-http's `ServeDir` and nginx.

use super::{
    claim::Claim,
    contenders::{self, Contender, pause},
    figures::{Spread, table},
    gateway,
    load::Load,
    process,
    slice::Series,
    usage,
};
use crate::{setup, tools, workspace::Workspace};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use std::{
    io::{Read, Write},
    net::TcpStream,
    process::ExitCode,
    time::Duration,
};

pub(crate) const LONG_ABOUT: &str = "\
plimsoll_http::files beside tower-http's ServeDir, both on one thread under the same hyper, and nginx with one worker and \
sendfile, serving the same folder out of the page cache.

Servers take turns in short slices (A B C A B C …). What is reported is CPU time of the server's processes divided by requests, \
the median of the ratios within each round with its least and greatest, and what a reader that has stopped reading costs in memory.";

/// Flags of `cargo xtask bench files`.
#[derive(Args)]
pub(crate) struct Options {
    /// Rounds; every server has one slice in each
    #[arg(long, default_value_t = 6)]
    rounds: u32,
    /// Seconds of one slice
    #[arg(long, default_value_t = 2)]
    seconds: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit 1 unless every claimed limit is kept
    #[arg(long)]
    assert: bool,
}

const LOADS: [Load; 4] = [Load::Kib1, Load::Kib64, Load::Medium, Load::Large];

/// Our CPU time divided by `ServeDir`'s, at most.
const AGAINST_SERVE_DIR: [(Load, f64); 4] =
    [(Load::Kib1, 0.5), (Load::Kib64, 0.6), (Load::Medium, 0.8), (Load::Large, 0.8)];

/// Readers that stop.
const READERS: usize = 100;

/// Bytes that one of them may cost: hyper's own buffers, and a chunk.
const STOPPED: f64 = 1e6;

struct Findings {
    /// Bytes for each reader that stopped, by server.
    stopped: Vec<(&'static str, f64)>,
    loads: Vec<(Load, Vec<Series>)>,
}

/// Runs the comparison.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    setup::ensure(tools::FOR_BENCHES)?;
    process::end_all_on_signal()?;
    let workspace = Workspace::load()?;
    let servers = contenders::folder(&workspace, &workspace.target.join("bench"))?;
    let everyone: Vec<&Contender> = servers.iter().collect();
    let mut findings = Findings { stopped: Vec::new(), loads: Vec::new() };
    for load in LOADS {
        eprintln!("{}: {} rounds of {} …", load.title(), options.rounds, everyone.len());
        findings.loads.push((load, Series::take(&everyone, load, options.rounds, options.seconds)?));
    }
    for server in &servers {
        eprintln!("{READERS} readers that stop: {} …", server.name);
        findings.stopped.push((server.name, bytes_a_stopped_reader(server)?));
    }
    let claims = claims(&findings);
    if options.json {
        println!("{:#}", machine_readable(&findings, &claims));
    } else {
        show(&findings, &claims);
    }
    let missed = options.assert && !claims.iter().all(Claim::kept);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Resident bytes that each of [`READERS`] added, that asked for 64 MiB and read nothing but the start.
fn bytes_a_stopped_reader(server: &Contender) -> Result<f64> {
    let group = server.process.group();
    pause(Duration::from_secs(1));
    let before = usage::resident(group)?;
    let mut open = Vec::with_capacity(READERS);
    for _ in 0..READERS {
        let mut stream = TcpStream::connect(("127.0.0.1", server.http1)).context(server.name)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /files/64m HTTP/1.1\r\nHost: bench\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        ensure!(&start == b"HTTP/1.1 200", "{} responded {:?}", server.name, String::from_utf8_lossy(&start));
        open.push(stream);
    }
    pause(Duration::from_secs(2));
    let after = usage::resident(group)?;
    drop(open);
    Ok((after as f64 - before as f64) / READERS as f64)
}

impl Findings {
    /// Ours divided by a peer, within each round.
    fn ratio(&self, load: Load, peer: &str) -> Option<Spread> {
        let (_, series) = self.loads.iter().find(|(each, _)| *each == load)?;
        let ours = series.iter().find(|each| each.name == "plimsoll")?;
        ours.against(series.iter().find(|each| each.name == peer)?)
    }
}

fn claims(findings: &Findings) -> Vec<Claim> {
    let cpu = AGAINST_SERVE_DIR.iter().map(|(load, limit)| Claim {
        what: format!("CPU per request ÷ ServeDir: {}", load.title()),
        limit: *limit,
        found: findings.ratio(*load, "tower-http").map(|ratio| ratio.median),
    });
    let stopped = findings.stopped.iter().find(|(name, _)| *name == "plimsoll").map(|(_, bytes)| *bytes);
    let memory = Claim { what: "bytes for a reader that stopped".to_owned(), limit: STOPPED, found: stopped };
    cpu.chain([memory]).collect()
}

fn show(findings: &Findings, claims: &[Claim]) {
    for (load, series) in &findings.loads {
        let rows: Vec<Vec<String>> =
            series
                .iter()
                .map(|each| {
                    let mut row = vec![each.name.to_owned()];
                    row.extend(gateway::figures(each));
                    row.extend(findings.ratio(*load, each.name).map(|ratio| {
                        format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.least, ratio.greatest)
                    }));
                    row
                })
                .collect();
        let heading =
            ["", "CPU µs/request", "of it user", "requests/s", "memory MB", "plimsoll ÷ it (least–greatest)"];
        print!("\n{}\n{}", load.title(), table(&heading, &rows));
    }
    let rows: Vec<Vec<String>> = findings
        .stopped
        .iter()
        .map(|(name, bytes)| vec![(*name).to_owned(), format!("{bytes:.0}")])
        .collect();
    print!("\n{READERS} readers of 64 MiB that have stopped\n{}", table(&["", "bytes each"], &rows));
    print!("\n{}", Claim::table(claims));
}

fn machine_readable(findings: &Findings, claims: &[Claim]) -> serde_json::Value {
    let loads: Vec<serde_json::Value> = findings
        .loads
        .iter()
        .flat_map(|(load, series)| series.iter().map(|each| (*load, each)))
        .map(|(load, each)| {
            let mut value = gateway::machine_readable(load, each);
            if let Some(ratio) = findings.ratio(load, each.name) {
                value["plimsoll_ratio"] =
                    json!({"median": ratio.median, "least": ratio.least, "greatest": ratio.greatest});
            }
            value
        })
        .collect();
    let stopped: Vec<serde_json::Value> =
        findings.stopped.iter().map(|(name, bytes)| json!({"server": name, "bytes": bytes})).collect();
    json!({"loads": loads, "stopped_reader": stopped, "claims": Claim::machine_readable(claims)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_measured_keeps_no_claim() {
        let empty = Findings { stopped: Vec::new(), loads: Vec::new() };
        let claims = claims(&empty);
        assert!(claims.len() == 5 && claims.iter().all(|claim| !claim.kept()));
    }
}
