//! The schema says what the reader takes.

use super::{EXAMPLE, every_key::EVERY_KEY, strategies, valid::valid, wrong_files};
use crate::file::{encode, schema};
use proptest::prelude::*;
use serde_json::Value;

fn takes(value: &Value) -> bool {
    let schema = schema();
    valid(&schema, &schema, value)
}

#[test]
fn the_example_is_valid() {
    for text in [EXAMPLE, EVERY_KEY] {
        assert!(takes(&toml::from_str(text).unwrap()), "{text}");
    }
}

/// The schema refuses a wrong value of a key too; rules between keys, or of a number with a
/// unit, no schema can say.
#[test]
fn wrong_files_are_not_valid() {
    let mut refused = 0;
    for (text, faults) in wrong_files() {
        let Ok(value) = toml::from_str::<Value>(text) else { continue };
        let own = |fault: &str| {
            [
                "unknown key",
                "missing key",
                "found a table",
                "found an array",
                "found an empty list",
                "expected a whole number",
            ]
            .iter()
            .any(|sign| fault.contains(sign))
        };
        if faults.lines().any(own) {
            assert!(!takes(&value), "{text}");
            refused += 1;
        }
    }
    assert!(refused >= 20, "only {refused} files were refused");
}

#[test]
fn it_says_what_each_key_is_for_and_its_default() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["required"], serde_json::json!(["version", "listener"]));
    assert_eq!(schema["properties"]["drain"]["default"], "30s");
    assert_eq!(schema["properties"]["access-log"]["default"], "off");
    assert_eq!(schema["properties"]["admin"]["default"]["listen"], "127.0.0.1:9901");
    described(&schema, "");
}

#[test]
fn of_two_forms_editors_see_the_one_that_was_meant() {
    let text = schema().to_string();
    assert!(!text.contains("anyOf") && !text.contains("oneOf"), "whose errors are those of every form");
    assert!(text.contains("\"if\":") && text.contains("\"then\":") && text.contains("\"else\":"));
}

/// Every property has a description.
fn described(schema: &Value, path: &str) {
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let described_by_form = property["description"].as_str().is_some_and(|text| !text.is_empty());
        // `hash` stands for itself in the description of `balance`.
        assert!(described_by_form || key == "hash", "{path}.{key}");
    }
    let below = match schema {
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (key, value) in below {
        described(value, &format!("{path}/{key}"));
    }
}

proptest! {
    // Every case compiles every pattern.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_gateway_is_valid(spec in strategies::gateway()) {
        let written = encode(&spec);
        prop_assert!(takes(&written), "{}", written);
    }
}
