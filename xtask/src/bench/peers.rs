//! `cargo xtask bench peers`: the gateway with all its policies beside the best proxies there are.

use super::{
    claim::Claim,
    contenders::{self, Contender, Origin, Place, Policies},
    figures::{Spread, table},
    gateway, idle,
    load::Load,
    process,
    slice::Series,
};
use crate::{setup, tools, workspace::Workspace};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::process::ExitCode;

pub(crate) const LONG_ABOUT: &str = "\
The gateway with every policy of examples/gateway.toml on, beside nginx and HAProxy without policies and Envoy with its own \
(retries, circuit breakers, outlier detection, local rate limit). One worker each, the same origin behind them.

Servers take turns in short slices (A B C A B C …). What is reported is CPU time of the server's processes divided by requests, \
and the median of the ratios within each round with its least and greatest: an absolute time means little on a shared machine.";

/// Flags of `cargo xtask bench peers`.
#[derive(Args)]
pub(crate) struct Options {
    /// Rounds; every server has one slice in each
    #[arg(long, default_value_t = 8)]
    rounds: u32,
    /// Seconds of one slice
    #[arg(long, default_value_t = 2)]
    seconds: u32,
    /// Further peers
    #[arg(long, value_enum, value_delimiter = ',')]
    with: Vec<Extra>,
    /// Also compare with HTTP/2 in front
    #[arg(long)]
    h2: bool,
    /// The peers alone, to check the machine or the bench itself
    #[arg(long)]
    peers_only: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit 1 unless every claimed limit is kept
    #[arg(long, conflicts_with = "peers_only")]
    assert: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Extra {
    Traefik,
    Caddy,
}

/// All that one run found.
struct Findings {
    /// Bytes a connection, by server.
    idle: Vec<(&'static str, f64)>,
    loads: Vec<(Load, Vec<Series>)>,
}

/// Runs the comparison.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    setup::ensure(tools::FOR_BENCHES)?;
    process::end_all_on_signal()?;
    idle::allow_connections()?;
    let workspace = Workspace::load()?;
    let origin = Origin::start(&workspace.target.join("bench"))?;
    let servers = start(options, &workspace, &origin.place)?;
    let findings = measure(options, &servers)?;
    let claims = if options.peers_only { Vec::new() } else { claims(&findings) };
    if options.json {
        println!("{:#}", machine_readable(&findings, &claims));
    } else {
        show(&findings, &claims);
    }
    let missed = options.assert && !claims.iter().all(Claim::kept);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Ours first, if it is there; then the peers.
fn start(options: &Options, workspace: &Workspace, place: &Place) -> Result<Vec<Contender>> {
    let mut servers = Vec::new();
    if !options.peers_only {
        servers.push(contenders::ours(workspace, place, Policies::Careful)?);
    }
    servers.push(contenders::nginx(place)?);
    servers.push(contenders::haproxy(place)?);
    servers.push(contenders::haproxy_with_splice(place)?);
    match contenders::envoy(place) {
        Ok(envoy) => servers.push(envoy),
        Err(error) if options.assert => return Err(error),
        Err(error) => eprintln!("MISSING envoy: {error:#}"),
    }
    for extra in &options.with {
        servers.push(match extra {
            Extra::Traefik => contenders::traefik(place)?,
            Extra::Caddy => contenders::caddy(place)?,
        });
    }
    if servers.len() < 2 {
        bail!("nothing to compare");
    }
    Ok(servers)
}

fn measure(options: &Options, servers: &[Contender]) -> Result<Findings> {
    // Splice moves bodies; for heads and counts it is the same program.
    let all_but_splice: Vec<&Contender> =
        servers.iter().filter(|server| server.name != "haproxy splice").collect();
    let everyone: Vec<&Contender> = servers.iter().collect();
    // Idle connections first: afterwards a server has free memory in hand, which would hide what they take.
    let mut idle = Vec::new();
    for server in &all_but_splice {
        eprintln!("{} idle connections: {} …", idle::CONNECTIONS, server.name);
        idle.push((server.name, idle::bytes_a_connection(server)?));
    }
    let mut plan = vec![(Load::Small, &all_but_splice)];
    if options.h2 {
        plan.push((Load::Http2, &all_but_splice));
    }
    plan.extend([(Load::Medium, &everyone), (Load::Large, &everyone)]);
    let mut loads = Vec::new();
    for (load, servers) in plan {
        eprintln!("{}: {} rounds of {} …", load.title(), options.rounds, servers.len());
        loads.push((load, Series::take(servers, load, options.rounds, options.seconds)?));
    }
    Ok(Findings { idle, loads })
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
    let ratio = |load, peer| findings.ratio(load, peer).map(|ratio| ratio.median);
    let ours_idle = findings.idle.iter().find(|(name, _)| *name == "plimsoll").map(|(_, bytes)| *bytes);
    // The cheaper of the two is the one we stand worse against.
    let cheaper =
        ratio(Load::Small, "nginx").zip(ratio(Load::Small, "haproxy")).map(|(one, other)| one.max(other));
    vec![
        Claim {
            what: "CPU per request ÷ the cheaper of nginx and HAProxy".to_owned(),
            limit: 1.15,
            found: cheaper,
        },
        Claim {
            what: "CPU per request ÷ Envoy with its policies".to_owned(),
            limit: 0.5,
            found: ratio(Load::Small, "envoy"),
        },
        Claim {
            what: "CPU per 64 MiB ÷ HAProxy with splice".to_owned(),
            limit: 1.0,
            found: ratio(Load::Large, "haproxy splice"),
        },
        Claim { what: "bytes per idle kept-alive connection".to_owned(), limit: 3_000.0, found: ours_idle },
    ]
}

fn show(findings: &Findings, claims: &[Claim]) {
    for (load, series) in &findings.loads {
        let Some(first) = series.first() else { continue };
        let ratio = format!("{} ÷ it (least–greatest)", first.name);
        let heading = ["", "CPU µs/request", "of it user", "requests/s", "memory MB", &ratio];
        let rows: Vec<Vec<String>> =
            series
                .iter()
                .map(|each| {
                    let mut row = vec![each.name.to_owned()];
                    row.extend(gateway::figures(each));
                    row.extend(first.against(each).map(|ratio| {
                        format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.least, ratio.greatest)
                    }));
                    row
                })
                .collect();
        print!("\n{}\n{}", load.title(), table(&heading, &rows));
    }
    let rows: Vec<Vec<String>> =
        findings.idle.iter().map(|(name, bytes)| vec![(*name).to_owned(), format!("{bytes:.0}")]).collect();
    print!("\n{} idle kept-alive connections\n{}", idle::CONNECTIONS, table(&["", "bytes each"], &rows));
    if !claims.is_empty() {
        print!("\n{}", Claim::table(claims));
    }
}

fn machine_readable(findings: &Findings, claims: &[Claim]) -> Value {
    let loads: Vec<Value> = findings
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
    let idle: Vec<Value> =
        findings.idle.iter().map(|(name, bytes)| json!({"server": name, "bytes": bytes})).collect();
    json!({"loads": loads, "idle_connection": idle, "claims": Claim::machine_readable(claims)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_measured_keeps_no_claim() {
        let empty = Findings { idle: Vec::new(), loads: Vec::new() };
        assert!(claims(&empty).iter().all(|claim| !claim.kept()));
    }
}
