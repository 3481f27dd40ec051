//! The whole layer: wrong files and their messages, the example, round trips, the schema.

mod example;
mod round_trip;
mod schema;
mod strategies;
mod wrong_files;

use crate::{ConfigError, Document, PolicyFile, Shape};
use plimsoll_policy::PolicySpec;

/// Reads a document; the environment has `SECRET`, `RATE` and `TOTAL` alone.
fn read<T: Shape>(text: &str) -> Result<T, ConfigError> {
    let env = |name: &str| match name {
        "SECRET" => Some("hunter2".to_owned()),
        "RATE" => Some("90/m".to_owned()),
        "TOTAL" => Some("77777s".to_owned()),
        _ => None,
    };
    Document::parse("f", text)?.read(&env)
}

/// The only policy of a file that has this beneath `[policy.p]`.
fn policy(body: &str) -> Result<PolicySpec, ConfigError> {
    let file: PolicyFile = read(&format!("version = 1\n[policy.p]\n{body}\n"))?;
    Ok(file.policy.into_values().next().expect("the file has one policy"))
}
