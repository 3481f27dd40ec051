//! `plimsoll check FILE`.

use crate::{
    exit::Exit,
    output::{complain, print},
};
use clap::Args;
use plimsoll_gateway::{
    file::{self, Invalid, LoadError, Loaded},
    spec::GatewaySpec,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Say everything that is wrong with a gateway's file
///
/// All of it at once: file, line and column, what was expected, and what may have been meant. `${NAME}` in the file
/// stands for the environment's value of NAME, which is never shown.
///
/// Ends with 0 if the file can be run, with 1 if it cannot be read, with 2 if something in it is wrong. Warnings do not
/// count.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The gateway's file
    file: PathBuf,
    /// Print faults and warnings as a JSON array, empty if there is none
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let loaded = file::load(&self.file, &|name| std::env::var(name).ok());
        let exit = match &loaded {
            Ok(_) => Exit::Fine,
            Err(LoadError::Unreadable { .. }) => Exit::Failed,
            Err(LoadError::Invalid(_)) => Exit::Wrong,
        };
        if self.json {
            print(format!("{:#}\n", Value::Array(findings(&loaded)?)))?;
            return Ok(exit);
        }
        match loaded {
            Ok(loaded) => {
                warn(&loaded);
                print(format!("{}: {}\n", self.file.display(), contents(&loaded.spec)))?;
            }
            Err(LoadError::Invalid(invalid)) => refuse(&self, &invalid),
            Err(error @ LoadError::Unreadable { .. }) => complain(&format!("error: {error}\n")),
        }
        Ok(exit)
    }
}

fn warn(loaded: &Loaded) {
    let warnings = loaded.render_warnings();
    if !warnings.is_empty() {
        complain(&format!("{warnings}\n"));
    }
}

fn refuse(check: &Check, invalid: &Invalid) {
    let faults = count(invalid.faults().iter().count(), "fault", "faults");
    complain(&format!("{}\n{}: {faults}\n", invalid.render(), check.file.display()));
}

/// What the file has: `1 listener, 2 routes, 1 upstream with 3 endpoints, 2 policies`.
fn contents(spec: &GatewaySpec) -> String {
    let endpoints = spec.upstreams.values().map(|upstream| upstream.endpoints.len()).sum();
    format!(
        "{}, {}, {} with {}, {}",
        count(spec.listeners.len(), "listener", "listeners"),
        count(spec.routes.len(), "route", "routes"),
        count(spec.upstreams.len(), "upstream", "upstreams"),
        count(endpoints, "endpoint", "endpoints"),
        count(spec.policies.len(), "policy", "policies"),
    )
}

fn count(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// Faults and warnings, each a flat object that begins with its severity.
fn findings(loaded: &Result<Loaded, LoadError>) -> serde_json::Result<Vec<Value>> {
    match loaded {
        Ok(loaded) => loaded.warnings.iter().map(|warning| finding("warning", warning)).collect(),
        Err(LoadError::Invalid(invalid)) => {
            invalid.faults().iter().map(|fault| finding("error", fault)).collect()
        }
        Err(LoadError::Unreadable { path, source }) => {
            let file = path.display().to_string();
            let problem = format!("cannot be read: {source}");
            Ok(vec![json!({ "severity": "error", "file": file, "problem": problem })])
        }
    }
}

fn finding(severity: &str, fault: &impl Serialize) -> serde_json::Result<Value> {
    let mut finding = Map::new();
    finding.insert("severity".into(), severity.into());
    if let Value::Object(fault) = serde_json::to_value(fault)? {
        finding.extend(fault);
    }
    Ok(Value::Object(finding))
}
