//! The file: the example, wrong files word by word, warnings, round trips, the schema.

mod example;

use super::{Invalid, Loaded, parse};

/// What a user gets with the sources.
const EXAMPLE: &str = include_str!("../../../../../examples/gateway.toml");

/// Reads a text as the file `f`; the environment has `SECRET`, `UPSTREAM` and `ADDRESS` alone.
fn read(text: &str) -> Result<Loaded, Invalid> {
    parse("f", text, &|name| match name {
        "SECRET" => Some("hunter2".to_owned()),
        "UPSTREAM" => Some("ordrs".to_owned()),
        "ADDRESS" => Some("127.0.0.1:7777".to_owned()),
        _ => None,
    })
}
