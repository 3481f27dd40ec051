//! `cargo xtask spellings`: the same spellings of paths and hosts through the gateway, nginx and Envoy.

mod client;
mod origin;
mod proxies;
#[path = "../../../crates/plimsoll-gateway/tests/corpus/spellings.rs"]
mod table;

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use clap::Args;
use client::Client;
use origin::Origins;
use proxies::Proxy;
use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf, process::ExitCode};
use table::{HOSTS, METHODS, READERS, meant, spellings};

pub(crate) const LONG_ABOUT: &str = "\
Starts the gateway, nginx and Envoy with the same four routes (a prefix, a prefix for one method, a host, and the rest) before \
the same origins, and sends each of them the same requests: some 3,700 spellings of paths, each with two of six spellings of \
hosts and three methods. Each origin tells which route it was reached by and what it was asked. A request is astray if one of \
seven readers of paths, each of which is found in practice, takes what the origin was sent for another route than it came by.

Fails if the gateway lets one go astray.";

/// Flags of `cargo xtask spellings`.
#[derive(Args)]
pub(crate) struct Options {
    /// Examples of each proxy's strays
    #[arg(long, default_value_t = 5)]
    examples: usize,
    /// Write a table of every request and what became of it by each proxy
    #[arg(long)]
    table: Option<PathBuf>,
}

/// A request and what became of it.
struct Asked {
    method: &'static str,
    host: &'static str,
    path: String,
    outcome: Outcome,
}

/// The outcome of a request at a proxy.
enum Outcome {
    /// The proxy responded with this status itself.
    Refused(u16),
    /// An origin was reached.
    Passed(Passed),
}

/// The target that an origin was sent, by which route, and which readers would have taken it for another one.
struct Passed {
    route: String,
    target: String,
    astray: Vec<(&'static str, &'static str)>,
}

/// The command itself.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let origins = Origins::start()?;
    let folder = workspace.target.join("spellings");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let proxies = proxies::start(&workspace, &folder, origins.ports())?;
    let mut all = Vec::new();
    for proxy in &proxies {
        all.push((proxy.name, ask(proxy)?));
    }
    println!("{}", summary(&all));
    for (name, asked) in &all {
        examples(name, asked, options.examples);
    }
    if let Some(path) = &options.table {
        fs::write(path, in_full(&all)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let (ours, asked) = &all[0];
    let strays = asked.iter().filter(|asked| asked.astray()).count();
    if strays > 0 {
        bail!("{strays} requests went astray through {ours}");
    }
    Ok(ExitCode::SUCCESS)
}

impl Asked {
    fn astray(&self) -> bool {
        matches!(&self.outcome, Outcome::Passed(passed) if !passed.astray.is_empty())
    }
}

/// Sends every spelling to a proxy.
fn ask(proxy: &Proxy) -> Result<Vec<Asked>> {
    let mut client = Client::new(proxy.port);
    let mut all = Vec::new();
    for (at, path) in spellings().into_iter().enumerate() {
        // Every path with two of the hosts and methods, so that each of these meets each kind of spelling.
        for step in [at, at / 7 + 1] {
            let (method, host) = (METHODS[step % METHODS.len()], HOSTS[step % HOSTS.len()]);
            let response = client
                .ask(method, host, &path)
                .with_context(|| format!("{}: no response to {method} {path} of {host}", proxy.name))?;
            let outcome = if response.status == 200 {
                Outcome::Passed(passed(&response.body)?)
            } else {
                Outcome::Refused(response.status)
            };
            all.push(Asked { method, host, path: path.clone(), outcome });
        }
    }
    Ok(all)
}

/// Reads an origin's report.
fn passed(told: &str) -> Result<Passed> {
    let words: Vec<&str> = told.split(' ').collect();
    let [route, method, host, target] = words[..] else { bail!("an origin's response is {told:?}") };
    let path = target.split('?').next().unwrap_or_default();
    let takes = READERS.map(|(reader, read)| (reader, meant(read, method, host, path)));
    let astray = takes.into_iter().filter(|(_, takes)| *takes != route).collect();
    Ok(Passed { route: route.to_owned(), target: target.to_owned(), astray })
}

/// How many of each kind, for each proxy.
fn summary(all: &[(&'static str, Vec<Asked>)]) -> String {
    let mut text = format!("{:<36}", "");
    for (name, _) in all {
        let _ = write!(text, "{name:>18}");
    }
    let mut row = |name: &str, count: &dyn Fn(&Asked) -> bool| {
        let _ = write!(text, "\n{name:<36}");
        for (_, asked) in all {
            let _ = write!(text, "{:>18}", asked.iter().filter(|asked| count(asked)).count());
        }
    };
    row("requests", &|_| true);
    row("refused", &|asked| matches!(asked.outcome, Outcome::Refused(_)));
    row("passed on", &|asked| matches!(asked.outcome, Outcome::Passed(_)));
    row("astray for at least one reader", &Asked::astray);
    for (reader, _) in READERS {
        let strays = |asked: &Asked| matches!(&asked.outcome, Outcome::Passed(passed) if passed.astray.iter().any(|(name, _)| *name == reader));
        row(&format!("  for one that {reader}"), &strays);
    }
    text.push('\n');
    text
}

/// The first requests that went astray, of different kinds.
fn examples(name: &str, asked: &[Asked], most: usize) {
    let mut kinds: BTreeMap<Vec<&str>, &Asked> = BTreeMap::new();
    for asked in asked.iter().filter(|asked| asked.astray()) {
        let Outcome::Passed(passed) = &asked.outcome else { continue };
        kinds.entry(passed.astray.iter().map(|(reader, _)| *reader).collect()).or_insert(asked);
    }
    for Asked { method, host, path, outcome } in kinds.into_values().take(most) {
        let Outcome::Passed(passed) = outcome else { continue };
        println!("{name}: {method} {path} of {host} came by {:?} as {}", passed.route, passed.target);
        for (reader, takes) in &passed.astray {
            println!("    one that {reader} takes it for {takes:?}");
        }
    }
}

/// Every request, with what became of it by each proxy.
fn in_full(all: &[(&'static str, Vec<Asked>)]) -> String {
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let mut text = format!("method\thost\tpath\t{}\n", names.join("\t"));
    let Some((_, first)) = all.first() else { return text };
    for (at, Asked { method, host, path, .. }) in first.iter().enumerate() {
        let _ = write!(text, "{method}\t{host}\t{path}");
        for (_, asked) in all {
            let _ = match &asked[at].outcome {
                Outcome::Refused(status) => write!(text, "\t{status}"),
                Outcome::Passed(passed) => {
                    let mark = if passed.astray.is_empty() { "" } else { " (astray)" };
                    write!(text, "\t{} {}{mark}", passed.route, passed.target)
                }
            };
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_origin_takes_for_another_route_is_astray() {
        let astray =
            |told: &str| passed(told).unwrap().astray.iter().map(|(reader, _)| *reader).collect::<Vec<_>>();
        assert!(astray("admin GET a /admin/x").is_empty());
        assert_eq!(astray("open GET a /admin/x").len(), READERS.len());
        assert_eq!(astray("open GET a /\\admin"), ["takes backslashes for slashes"]);
        assert!(passed("garbage").is_err());
    }
}
