//! The reference page has every key of the file, and its examples can be run.
//!
//! Its tables stand between `<!-- keys: … -->` (or `<!-- kinds -->`) and `<!-- end -->`, and are made from the schema.
//! `PLIMSOLL_BLESS=1 cargo test -p plimsoll-gateway --test configuration_page` writes them.

use plimsoll_gateway::file;
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write, fs};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");

const END: &str = "<!-- end -->";

fn page() -> String {
    fs::read_to_string(PAGE).expect("the page is part of the sources")
}

/// Under which heading a key stands: that of its table, or the one of the keys outside every table.
fn group(key: &str) -> &str {
    let first = key.split(['.', '[']).next().unwrap_or(key);
    if ["version", "workers", "drain", "watch", "trusted", "trace-sample"].contains(&first) {
        "gateway"
    } else {
        first
    }
}

/// The rows of a group, under the heading of the whole.
fn keys(wanted: &str) -> String {
    let reference = file::reference();
    let (heading, rows) =
        reference.split_at(reference.match_indices('\n').nth(1).map_or(0, |(at, _)| at + 1));
    let key = |row: &str| row.split('`').nth(1).unwrap_or_default().to_owned();
    let rows = rows.lines().filter(|row| group(&key(row)) == wanted);
    rows.fold(heading.to_owned(), |mut table, row| {
        let _ = writeln!(table, "{row}");
        table
    })
}

/// The kinds of value that have a name, and what they take.
fn kinds() -> String {
    let schema = file::schema();
    let mut kinds: Vec<_> = schema["$defs"].as_object().into_iter().flatten().collect();
    kinds.sort_by_key(|(name, _)| *name);
    let mut table = String::from("| kind | |\n| --- | --- |\n");
    for (name, kind) in kinds {
        if let Some(description) = kind["description"].as_str() {
            let _ = writeln!(table, "| {name} | {} |", description.replace('|', "\\|"));
        }
    }
    table
}

/// The page with every table made anew, and the groups that it has.
fn made(page: &str) -> (String, BTreeSet<String>) {
    let mut out = String::new();
    let mut groups = BTreeSet::new();
    let mut within = false;
    for line in page.lines() {
        let marker = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        within &= line != END;
        if !within {
            let _ = writeln!(out, "{line}");
        }
        let table = match marker {
            Some("kinds") => kinds(),
            Some(marker) => match marker.strip_prefix("keys: ") {
                Some(group) => {
                    groups.insert(group.to_owned());
                    keys(group)
                }
                None => continue,
            },
            None => continue,
        };
        let _ = write!(out, "\n{table}\n");
        within = true;
    }
    (out, groups)
}

#[test]
fn its_tables_are_those_of_the_schema() {
    let page = page();
    let (made, groups) = made(&page);
    if std::env::var_os("PLIMSOLL_BLESS").is_some() {
        fs::write(PAGE, &made).expect("the page can be written");
    } else {
        assert_eq!(page, made, "PLIMSOLL_BLESS=1 writes the page anew");
    }
    let schema = file::schema();
    let top: BTreeSet<_> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| group(key).to_owned())
        .collect();
    assert_eq!(groups, top);
}

#[test]
fn every_key_of_the_schema_is_on_it() {
    let page = page();
    let mut known = BTreeSet::new();
    collect(&file::schema(), &mut known);
    assert!(known.len() > 60, "{known:?}");
    for key in known {
        let rows = [format!(".{key}` |"), format!("| `{key}` |")];
        assert!(rows.iter().any(|row| page.contains(row)), "{key}");
    }
}

fn collect(schema: &Value, known: &mut BTreeSet<String>) {
    match schema {
        Value::Object(entries) => {
            if let Some(Value::Object(properties)) = entries.get("properties") {
                known.extend(properties.keys().cloned());
            }
            entries.values().for_each(|value| collect(value, known));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, known)),
        _ => {}
    }
}

/// Each example, with what it leaves to its neighbours.
#[test]
fn its_examples_can_be_run() {
    let page = page();
    let mut count = 0;
    for example in page.split("```toml\n").skip(1) {
        let example = example.split("```").next().unwrap_or_default();
        let mut text = String::new();
        for (sign, line) in [
            ("version =", "version = 1\n"),
            ("[[listener]]", "listener = [{ listen = \"127.0.0.1:80\" }]\n"),
            ("[upstream.orders]", "upstream.orders.endpoints = [\"127.0.0.1:9001\"]\n"),
        ] {
            if !example.contains(sign) {
                text.push_str(line);
            }
        }
        text.push_str(example);
        let loaded = file::parse("example", &text, &|name| (name == "ADMIN_TOKEN").then(|| "t".to_owned()));
        assert!(loaded.is_ok(), "{text}\n{}", loaded.unwrap_err().render());
        count += 1;
    }
    assert!(count >= 9, "only {count} examples were found");
}
