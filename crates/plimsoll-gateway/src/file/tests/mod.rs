//! The file: the example, wrong files word by word, warnings, round trips, the schema, reading from disk.

mod defaults;
mod every_key;
mod example;
mod loading;
mod round_trip;
mod schema;
mod strategies;
mod valid;
mod warnings;
mod wrong_files;

use super::{DocumentError, Loaded, parse};
use std::time::Duration;

/// The example in the sources.
const EXAMPLE: &str = include_str!("../../../../../examples/gateway.toml");

/// Wrong files: each case is a file, `---`, and its faults; `===` between cases.
const WRONG_FILES: &str = include_str!("wrong_files.txt");

/// Every wrong file and its faults.
fn wrong_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    let cases = WRONG_FILES.split("===\n");
    cases.map(|case| case.split_once("---\n").expect("a case has a file and its faults"))
}

/// Reads a text as the file `f`; the environment has `SECRET`, `UPSTREAM` and `ADDRESS` alone.
fn read(text: &str) -> Result<Loaded, DocumentError> {
    parse("f", text, &|name| match name {
        "SECRET" => Some("hunter2".to_owned()),
        "UPSTREAM" => Some("ordrs".to_owned()),
        "ADDRESS" => Some("127.0.0.1:7777".to_owned()),
        _ => None,
    })
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
