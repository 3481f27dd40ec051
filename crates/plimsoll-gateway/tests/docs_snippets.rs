//! The statements of the repository's pages are tried: their TOML is read, their patches are merged, their links lead
//! somewhere, and the metrics and paths they name are there. (Their Rust is compiled by the doc tests of the facade.)

use plimsoll::{
    PolicySpec, Reason,
    config::{Document, PolicyFile, merge},
    http::{Kind, Problem},
    policy::{Machine, RejectedError},
};
use plimsoll_gateway::file;
use regex_lite::Regex;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use toml::{Table, Value};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every page: its name from the root, and its text.
fn pages() -> Vec<(String, String)> {
    let mut names: Vec<String> = Vec::new();
    for folder in ["", "docs/"] {
        let entries = fs::read_dir(root().join(folder)).expect("the folder is part of the sources");
        let found = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let found = found.filter(|name| Path::new(name).extension().is_some_and(|end| end == "md"));
        names.extend(found.map(|name| format!("{folder}{name}")));
    }
    names.sort();
    let read = |name: String| {
        let text = fs::read_to_string(root().join(&name)).expect("the page can be read");
        (name, text)
    };
    names.into_iter().map(read).collect()
}

/// The blocks of a page in this language.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let opening = format!("```{language}\n");
    let blocks = page.split(opening.as_str()).skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default()).collect()
}

fn environment(name: &str) -> Option<String> {
    name.ends_with("TOKEN").then(|| "a-token-for-the-test".to_owned())
}

/// A fragment with the least that makes a whole file of it: a listener, a route to each upstream and under each policy,
/// and the upstreams that its routes name.
fn completed(mut fragment: Table) -> Table {
    let table = |value: &str| value.parse::<Table>().expect("it is TOML");
    fragment.entry("version").or_insert(Value::Integer(1));
    fragment.entry("listener").or_insert_with(|| table("a = [{ listen = \"127.0.0.1:80\" }]")["a"].clone());
    let keys = |fragment: &Table, key: &str| -> Vec<String> {
        let found = fragment.get(key).and_then(Value::as_table);
        found.into_iter().flat_map(|table| table.keys().cloned()).collect()
    };
    let (policies, upstreams) = (keys(&fragment, "policy"), keys(&fragment, "upstream"));
    let mut routes =
        fragment.remove("route").and_then(|routes| routes.as_array().cloned()).unwrap_or_default();
    let used = |routes: &[Value], key: &str| -> BTreeSet<String> {
        let named = routes.iter().filter_map(|route| route.get(key)?.as_str());
        named.map(str::to_owned).collect()
    };
    let missing = |routes: &[Value], key: &str, all: Vec<String>| -> Vec<String> {
        let used = used(routes, key);
        all.into_iter().filter(|name| !used.contains(name)).collect()
    };
    let first = upstreams.first().cloned().unwrap_or_else(|| "orders".to_owned());
    for name in missing(&routes, "policy", policies) {
        let route = format!("path = \"/policy-{name}\"\nupstream = \"{first}\"\npolicy = \"{name}\"");
        routes.push(Value::Table(table(&route)));
    }
    for name in missing(&routes, "upstream", upstreams) {
        routes.push(Value::Table(table(&format!("path = \"/upstream-{name}\"\nupstream = \"{name}\""))));
    }
    if routes.is_empty() {
        routes.push(Value::Table(table(&format!("upstream = \"{first}\""))));
    }
    let named = used(&routes, "upstream");
    let upstream = fragment.entry("upstream").or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(upstream) = upstream {
        for name in named {
            let least = table("endpoints = [\"127.0.0.1:9001\"]");
            upstream.entry(name).or_insert(Value::Table(least));
        }
    }
    fragment.insert("route".to_owned(), Value::Array(routes));
    fragment
}

#[test]
fn every_toml_block_is_a_file_that_runs() {
    let mut count = 0;
    for (name, page) in pages() {
        for block in blocks(&page, "toml") {
            let fragment: Table = block.parse().unwrap_or_else(|error| panic!("{name}: {error}\n{block}"));
            if fragment.keys().any(|key| key.ends_with("dependencies")) {
                continue;
            }
            let whole = toml::to_string(&completed(fragment)).expect("it was TOML");
            match file::parse(&name, &whole, &environment) {
                Ok(loaded) => assert!(loaded.warnings.is_empty(), "{name}: {:?}\n{whole}", loaded.warnings),
                Err(wrong) => panic!("{name}:\n{block}\n{}", wrong.render()),
            }
            count += 1;
        }
    }
    assert!(count >= 25, "only {count} blocks were found");
}

#[test]
fn every_example_file_runs() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("examples")).expect("the folder is part of the sources") {
        let path = entry.expect("it can be listed").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let loaded = file::load(&path, &environment).unwrap_or_else(|error| panic!("{error}"));
            assert!(loaded.warnings.is_empty(), "{}: {:?}", path.display(), loaded.warnings);
            count += 1;
        }
    }
    assert!(count >= 5, "only {count} files were found");
}

/// The policies of the first example, which is what the pages patch.
fn patched() -> Vec<(String, PolicySpec)> {
    let text = fs::read_to_string(root().join("examples/gateway.toml")).expect("the example can be read");
    let table: Table = text.parse().expect("the example is TOML");
    let policies: Table = table.into_iter().filter(|(key, _)| key == "version" || key == "policy").collect();
    let text = toml::to_string(&policies).expect("it was TOML");
    let document = Document::parse("gateway.toml", &text).expect("the example is right");
    let file = document.read::<PolicyFile>(&environment).expect("the example is right");
    file.policy.into_iter().map(|(name, spec)| (name.to_string(), spec)).collect()
}

#[test]
fn every_patch_and_every_force_is_taken() {
    let patch = Regex::new(r"(?s)-X PATCH.{0,120}?/policies/([a-z-]+).{0,120}?-d '([^']*)'").unwrap();
    let force = Regex::new(r#""force": "([a-z]+)""#).unwrap();
    let (policies, service) = (patched(), PolicySpec::default());
    let (mut patches, mut forces) = (0, 0);
    for (name, page) in pages() {
        for found in patch.captures_iter(&page) {
            let of_example = policies.iter().find(|(policy, _)| *policy == found[1]).map(|(_, spec)| spec);
            // A service's policies are its own, and no file is shown of them.
            let of_service = name.ends_with("serving.md") || name.ends_with("on-call-service.md");
            let of_service = of_service.then_some(&service);
            let spec = of_example.or(of_service);
            let spec = spec.unwrap_or_else(|| panic!("{name}: no policy is called {}", &found[1]));
            let patch = serde_json::from_str(&found[2]).unwrap_or_else(|error| panic!("{name}: {error}"));
            let after = merge(spec, &patch).unwrap_or_else(|faults| panic!("{name}: {faults}"));
            assert!(after != *spec, "{name}: {} changes nothing", &found[2]);
            patches += 1;
        }
        for found in force.captures_iter(&page) {
            assert!(["open", "closed", "isolated", "auto"].contains(&&found[1]), "{name}: {}", &found[1]);
            forces += 1;
        }
    }
    assert!(patches >= 8 && forces >= 4, "{patches} patches, {forces} forces");
}

/// All sources below these folders of `crates/`.
fn sources(folders: &[&str]) -> String {
    fn gather(folder: &Path, into: &mut String) {
        for entry in fs::read_dir(folder).expect("the folder is part of the sources") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                gather(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push_str(&fs::read_to_string(&path).expect("the source can be read"));
            }
        }
    }
    let mut all = String::new();
    for folder in folders {
        gather(&root().join("crates").join(folder), &mut all);
    }
    all
}

#[test]
fn every_metric_and_path_that_is_named_is_there() {
    let code = sources(&["plimsoll-telemetry/src", "plimsoll-http/src", "plimsoll-gateway/src"]);
    let metric = Regex::new(r"\bplimsoll_[a-z0-9_]+[a-z0-9]\b").unwrap();
    let path = Regex::new(r"/api/v1/[a-z]+(\.json)?").unwrap();
    let crates = [
        "plimsoll_policy",
        "plimsoll_config",
        "plimsoll_h1",
        "plimsoll_task",
        "plimsoll_driver",
        "plimsoll_tower",
        "plimsoll_telemetry",
        "plimsoll_http",
        "plimsoll_gateway",
    ];
    let crates = [&crates[..], &["plimsoll_testkit", "plimsoll_cli"]].concat();
    let mut count = 0;
    for (name, page) in pages() {
        for found in metric.find_iter(&page).map(|found| found.as_str()) {
            let family = ["_sum", "_count", "_bucket"].iter().find_map(|end| found.strip_suffix(end));
            let known = |name: &str| code.contains(&format!("\"{name}\""));
            // An incomplete name in a pattern such as `plimsoll_(a|b)` has no match of its own.
            assert!(crates.contains(&found) || known(found) || family.is_some_and(known), "{name}: {found}");
            count += 1;
        }
        for found in path.find_iter(&page).map(|found| found.as_str()) {
            assert!(code.contains(&format!("\"{found}")), "{name}: {found}");
        }
    }
    assert!(count >= 40, "only {count} names were found");
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect("the page is part of the sources")
}

#[test]
fn every_reason_to_refuse_a_request_is_told() {
    let (page, code) = (page("docs/hardening.md"), page("crates/plimsoll-h1/src/error.rs"));
    let code = code.split("impl fmt::Display for RequestHeadError").next().unwrap_or_default();
    let reason = Regex::new(r#"=> "([a-z-]+)""#).unwrap();
    let reasons: Vec<&str> =
        reason.captures_iter(code).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    assert!(reasons.len() >= 20, "{reasons:?}");
    for reason in reasons {
        assert!(page.contains(&format!("`{reason}`")), "{reason}");
    }
}

#[test]
fn every_problem_is_told_with_its_status() {
    let row = Regex::new(r"(?m)^\| `([a-z-]+)` \| ([0-9]{3}) \|").unwrap();
    let page = page("docs/on-call.md");
    let told: BTreeSet<(&str, u16)> = row
        .captures_iter(&page)
        .filter_map(|found| Some((found.get(1)?.as_str(), found[2].parse().ok()?)))
        .collect();
    for (name, status) in &told {
        let kind = Kind::ALL.iter().find(|kind| kind.name() == *name);
        let kind = kind.unwrap_or_else(|| panic!("no problem is called {name}"));
        assert_eq!(kind.status(), *status, "{name}");
    }
    let verdicts = Machine::ALL.iter().map(|machine| RejectedError::new(*machine, Reason::QueueFull));
    for kind in verdicts.map(|rejected| Problem::from(rejected).kind()) {
        assert!(told.iter().any(|(name, _)| *name == kind.name()), "{}", kind.name());
    }
}

/// The part of the demo that a README shows: the end of the capture beside the demo's page.
fn shown(readme: &str, capture: &str) -> String {
    let (before, rest) = readme.split_once("<!-- demo -->\n").expect("the README has a place for it");
    let (_, after) = rest.split_once("<!-- end demo -->").expect("the place has an end");
    let end = capture.split_once("At the end:\n").map_or(capture, |(_, end)| end).trim_matches('\n');
    format!("{before}<!-- demo -->\n\n```text\n{end}\n```\n\n<!-- end demo -->{after}")
}

/// `PLIMSOLL_BLESS=1 cargo test -p plimsoll-gateway --test docs_snippets` writes it anew.
#[test]
fn the_readmes_show_the_demo_as_it_was_captured() {
    let capture = page("docs/demo.txt");
    for name in ["README.md", "README.zh-CN.md"] {
        let (is, made) = (page(name), shown(&page(name), &capture));
        if std::env::var_os("PLIMSOLL_BLESS").is_some() {
            fs::write(root().join(name), &made).expect("the page can be written");
        } else {
            assert_eq!(is, made, "PLIMSOLL_BLESS=1 writes it anew");
        }
    }
}

/// A heading's anchor as it is made where the pages are shown.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
    kept.collect::<String>().trim().to_lowercase().replace(' ', "-")
}

fn anchors(page: &str) -> BTreeSet<String> {
    let mut within = false;
    let mut found = BTreeSet::new();
    for line in page.lines() {
        within ^= line.starts_with("```");
        if !within && line.starts_with('#') {
            found.insert(anchor(line.trim_start_matches('#').trim()));
        }
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let pages = pages();
    let mut count = 0;
    for (name, page) in &pages {
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        for found in link.captures_iter(page).map(|found| found.get(1).map_or("", |group| group.as_str())) {
            if found.contains("://") {
                continue;
            }
            let (path, place) = found.split_once('#').unwrap_or((found, ""));
            let target = if path.is_empty() { PathBuf::from(name) } else { folder.join(path) };
            assert!(root().join(&target).exists(), "{name}: {found}");
            if !place.is_empty() {
                let page = fs::read_to_string(root().join(&target)).expect("the page can be read");
                assert!(anchors(&page).contains(place), "{name}: {found}\n{:?}", anchors(&page));
            }
            count += 1;
        }
    }
    assert!(count >= 60, "only {count} links were found");
}
