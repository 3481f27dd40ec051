//! The schema says what the reader takes.

use super::{example::policies, read, strategies};
use crate::{
    Document, Located, Name, NonEmpty, PolicyFile, Rules, Schemas, Secret, Shape, Size, from_json, reference,
    schema, section,
};
use plimsoll_policy::{balance::Balance, ejection::EjectionSpec};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::SocketAddr};

/// Returns whether `value` is valid under `schema`, for the keywords that the schemas here use. Panics on any other,
/// lest a schema be thought checked that was not.
fn allows(root: &Value, schema: &Value, value: &Value) -> bool {
    schema.as_object().expect("a schema is an object").iter().all(|(keyword, argument)| {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" | "writeOnly" | "required" => {
                let required = argument.as_array().filter(|_| keyword == "required").into_iter().flatten();
                required
                    .filter_map(Value::as_str)
                    .all(|key| value.as_object().is_none_or(|it| it.contains_key(key)))
            }
            "$ref" => {
                let pointer = argument.as_str().unwrap().strip_prefix('#').unwrap();
                allows(root, root.pointer(pointer).expect("every reference leads somewhere"), value)
            }
            "type" => match argument.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64() || value.is_u64(),
                "number" => value.is_number(),
                other => panic!("no type {other}"),
            },
            "properties" => argument
                .as_object()
                .unwrap()
                .iter()
                .all(|(key, property)| value.get(key).is_none_or(|value| allows(root, property, value))),
            "additionalProperties" => {
                let known = |key: &str| schema["properties"].get(key).is_some();
                let mut others = value.as_object().into_iter().flatten().filter(|(key, _)| !known(key));
                match argument {
                    Value::Bool(false) => others.next().is_none(),
                    schema => others.all(|(_, value)| allows(root, schema, value)),
                }
            }
            "propertyNames" => {
                value.as_object().into_iter().flatten().all(|(key, _)| allows(root, argument, &json!(key)))
            }
            "items" => value.as_array().into_iter().flatten().all(|item| allows(root, argument, item)),
            "if" => {
                let form = if allows(root, argument, value) { "then" } else { "else" };
                allows(root, &schema[form], value)
            }
            "then" | "else" => true,
            "not" => !allows(root, argument, value),
            "enum" => argument.as_array().unwrap().contains(value),
            "const" => argument == value,
            "pattern" => {
                let pattern = regex_lite::Regex::new(argument.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "minimum" => value.as_f64().is_none_or(|value| value >= argument.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|value| value <= argument.as_f64().unwrap()),
            "minItems" => {
                value.as_array().is_none_or(|items| items.len() as u64 >= argument.as_u64().unwrap())
            }
            "minLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 >= argument.as_u64().unwrap())
            }
            other => panic!("the test does not know the keyword {other}"),
        }
    })
}

fn valid<T: Shape>(value: &Value) -> bool {
    let schema = schema::<T>("test");
    allows(&schema, &schema, value)
}

fn json_of(text: &str) -> Option<Value> {
    toml::from_str::<Value>(text).ok()
}

#[test]
fn the_example_is_valid() {
    assert!(valid::<PolicyFile>(&json_of(&policies()).unwrap()));
}

/// The schema refuses a wrong value of a key; rules between keys are beyond a schema.
#[test]
fn wrong_files_are_not_valid() {
    let mut refused = 0;
    for case in include_str!("wrong_files.txt").split("===\n") {
        let (text, faults) = case.split_once("---\n").unwrap();
        let Some(value) = json_of(text) else { continue };
        let own = |fault: &str| {
            fault.contains(": found ") || fault.contains("unknown key") || fault.contains("missing key")
        };
        // A range of waits that falls is a matter between two numbers too; a reference cannot be judged.
        let beyond = text.contains("${")
            || text.contains("200ms..10ms")
            || text.contains("0s")
            || text.contains("0/s");
        if !beyond && faults.lines().any(own) {
            assert!(!valid::<PolicyFile>(&value), "{case}");
            refused += 1;
        }
    }
    assert!(refused > 30, "only {refused} files were refused");
}

proptest! {
    // Every case compiles every pattern.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_policy_is_valid(spec in strategies::policy()) {
        let value = json!({ "version": 1, "policy": { "p": spec.write() } });
        prop_assert!(valid::<PolicyFile>(&value), "{}", value);
    }
}

section! {
    /// A section with every kind of key.
    struct Everything {
        /// Must be there.
        listen: Located<SocketAddr>,
        /// May be left out.
        token?: Secret,
        /// Has a default.
        head: Size = Size::kib(64),
        /// How endpoints are chosen.
        balance: Balance = Balance::default(),
        /// Outliers.
        ejection: Option<EjectionSpec> = Some(EjectionSpec::default()),
        /// At least one.
        names: NonEmpty<Name>,
        /// By name.
        limits: BTreeMap<Name, u16> = BTreeMap::new(),
        /// Another key's name in the code than in the file.
        kind as "type": Option<f64> = None,
        /// A switch,
        /// told in two lines.
        on: bool = true,
    }
}

impl Rules for Everything {}

const EVERYTHING: &str = r#"
listen = "[::1]:80"
token = "${SECRET}"
head = 4096
balance = { hash = "header:X-Tenant" }
ejection = { consecutive-failures = 5, for = "5s", at-most = "67%", success-rate = "off" }
names = ["a", "b"]
limits = { a = 7 }
type = 1.5
"#;

#[test]
fn a_section_of_ones_own_reads_writes_and_is_described() {
    let read: Everything = read(EVERYTHING).unwrap();
    assert_eq!(read.listen.get().port(), 80);
    assert_eq!(read.token.as_ref().map(Secret::expose), Some("hunter2"));
    assert_eq!(format!("{:?}", read.token), "Some(Secret(…))");
    assert_eq!(read.balance, Balance::hash_header("x-tenant"));
    assert_eq!((read.head.bytes(), read.on, read.kind, &*read.names).0, 4096);
    assert!(valid::<Everything>(&json_of(EVERYTHING).unwrap()));
    let written = read.write();
    assert!(valid::<Everything>(&written), "{written}");
    assert_eq!(written["token"], "***");
    let back: Everything = from_json(&written).unwrap();
    assert_eq!(Everything { token: None, ..back }, Everything { token: None, ..read });
}

#[test]
fn descriptions_and_defaults_are_in_the_schema() {
    let schema = schema::<Everything>("everything");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["description"], "A section with every kind of key.");
    assert_eq!(schema["required"], json!(["listen", "names"]));
    let on = &schema["properties"]["on"];
    assert_eq!(
        *on,
        json!({ "type": "boolean", "description": "A switch, told in two lines.", "default": true })
    );
    assert_eq!(schema["properties"]["type"]["default"], "off");
    assert_eq!(schema["properties"]["token"].get("default"), None);
}

#[test]
fn a_schema_can_stand_within_another_document() {
    let mut schemas = Schemas::new("#/components/schemas/");
    let policy = PolicyFile::schema(&mut schemas);
    let text = policy.to_string();
    assert!(text.contains("#/components/schemas/duration") && !text.contains("$defs"));
    assert!(schemas.into_definitions().contains_key("duration"));
}

#[test]
fn the_reference_has_a_row_for_each_key() {
    let page = reference(&schema::<PolicyFile>("policies"));
    for row in [
        "| `version` | `1` | required | The version of the file's format. |",
        "| `policy.NAME.timeout.connect` | duration or `\"off\"` | `\"1s\"` |",
        "| `policy.NAME.retry.jitter` | `\"full\"`, `\"equal\"`, `\"decorrelated\"` | `\"full\"` |",
        "| `policy.NAME.breaker.window` | duration or 1 to 4294967295 | `\"10s\"` |",
        "| `policy.NAME.rate-limit.rate` | rate | required |",
        "| `policy.NAME.hedge` | table or `\"off\"` | `\"off\"` |",
    ] {
        assert!(page.contains(row), "{row}\n{page}");
    }
}

#[test]
fn a_section_in_a_list_is_told_by_its_index() {
    section! {
        /// Some of them.
        struct Several {
            /// Each.
            listener: Vec<Everything>,
        }
    }
    impl Rules for Several {}
    let document =
        Document::parse("f", "[[listener]]\nlisten = \"x\"\nnames = []\n\n[[listener]]\nhead = \"1 KB\"")
            .unwrap();
    let faults = document.read::<Several>(&|_| None).unwrap_err().to_string();
    let expected = "\
f:2:10: listener[0].listen: found \"x\", expected an address and port such as \"127.0.0.1:8080\" or \"[::1]:8080\"
f:3:9: listener[0].names: found an empty list, expected a list of at least one, each item a name of 1 to 64 of a-z, 0-9, \"_\" and \"-\"
f:5:1: listener[1]: missing key \"listen\", expected an address and port such as \"127.0.0.1:8080\" or \"[::1]:8080\"
f:5:1: listener[1]: missing key \"names\", expected a list of at least one, each item a name of 1 to 64 of a-z, 0-9, \"_\" and \"-\"
f:6:8: listener[1].head: found \"1 KB\", expected a size such as \"64KiB\", \"1MiB\", \"300MB\" or a number of bytes";
    assert_eq!(faults, expected);
}
