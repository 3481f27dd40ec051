//! `plimsoll check [FILE]`.

use crate::{
    command::DEFAULT_FILE,
    exit::Exit,
    output::{complain, paint, print},
};
use clap::Args;
use plimsoll_gateway::{
    file::{self, DocumentError, LoadError, Loaded, MOST_BYTES},
    spec::GatewaySpec,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::{
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

/// Check a gateway's file and report every error in it
///
/// Reports all errors at once: file, line and column, what was expected, and a suggestion. `${NAME}` in the file stands
/// for the value of the environment variable NAME, which is never shown.
///
/// Without an argument, plimsoll.toml in the current directory is checked; "-" is standard input.
///
/// Exits with 0 if the file is valid, with 1 if it cannot be read, with 2 if it has errors. Warnings do not count.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The gateway's file; "-" is standard input
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// Print errors and warnings as a JSON array, empty if there are none
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let loaded = self.load();
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
                print(format!("{}: {}\n", self.name(), contents(&loaded.spec)))?;
            }
            Err(LoadError::Invalid(invalid)) => refuse(&self, &invalid),
            Err(error @ LoadError::Unreadable { .. }) => {
                complain(&paint(&format!("error: {error}\n{}", self.hint(&error))));
            }
        }
        Ok(exit)
    }

    fn is_standard_input(&self) -> bool {
        self.file == Path::new("-")
    }

    fn name(&self) -> String {
        if self.is_standard_input() { STANDARD_INPUT.into() } else { self.file.display().to_string() }
    }

    fn load(&self) -> Result<Loaded, LoadError> {
        let environment = |name: &str| std::env::var(name).ok();
        if self.is_standard_input() {
            let unreadable = |source| LoadError::Unreadable { path: STANDARD_INPUT.into(), source };
            return Ok(file::parse(STANDARD_INPUT, &text().map_err(unreadable)?, &environment)?);
        }
        file::load(&self.file, &environment)
    }

    /// Returns a note on the searched directory, if the missing file was the default one.
    fn hint(&self, error: &LoadError) -> String {
        let LoadError::Unreadable { source, .. } = error else { return String::new() };
        if self.file != Path::new(DEFAULT_FILE) || source.kind() != ErrorKind::NotFound {
            return String::new();
        }
        let folder =
            std::env::current_dir().map_or_else(|_| ".".into(), |folder| folder.display().to_string());
        format!(
            " = without a file named, {DEFAULT_FILE} is looked for in {folder}\n \
             = examples/gateway.toml is one to begin with; \"plimsoll check -\" reads standard input\n"
        )
    }
}

/// The name of standard input in reports.
const STANDARD_INPUT: &str = "standard input";

/// Reads standard input, up to the size limit of a file.
fn text() -> io::Result<String> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {MOST_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is no text in UTF-8"))
}

fn warn(loaded: &Loaded) {
    let warnings = loaded.render_warnings();
    if !warnings.is_empty() {
        complain(&paint(&format!("{warnings}\n")));
    }
}

fn refuse(check: &Check, invalid: &DocumentError) {
    let faults = count(invalid.faults().iter().count(), "fault", "faults");
    complain(&paint(&format!("{}\n{}: {faults}\n", invalid.render(), check.name())));
}

/// Counts the parts of the file: `1 listener, 2 routes, 1 upstream with 3 endpoints, 2 policies`.
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

/// Errors and warnings, each a flat object that begins with its severity.
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
