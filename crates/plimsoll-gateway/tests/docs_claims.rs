//! Claims of the pages that a reader would act on, each beside what is true.

#[path = "../../plimsoll-h1/tests/corpus/mod.rs"]
mod corpus;
mod running;

use http::Method;
use plimsoll_gateway::{Gateway, file};
use regex_lite::Regex;
use running::{Origin, Running, repository};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every row of the page's table of refusals: reason and status.
fn told_statuses() -> BTreeMap<String, u16> {
    let page = repository("docs/hardening.md");
    let row = Regex::new(r"(?m)^\| ((?:`[a-z0-9-]+`(?:, )?)+) \| .* \| ([0-9]{3}) \|$").unwrap();
    let word = Regex::new(r"`([a-z0-9-]+)`").unwrap();
    let mut told = BTreeMap::new();
    for found in row.captures_iter(&page) {
        let status = found[2].parse().unwrap();
        told.extend(word.captures_iter(&found[1]).map(|word| (word[1].to_owned(), status)));
    }
    told
}

#[test]
fn a_refusal_has_the_status_that_the_page_says() {
    let text = "version = 1\nadmin = \"off\"\nlistener = [{ listen = \"127.0.0.1:0\" }]\n\
                route = [{ upstream = \"o\" }]\nupstream.o.endpoints = [\"127.0.0.1:1\"]\n";
    let gateway = Gateway::start(file::parse("test", text, &|_| None).unwrap().spec).unwrap();
    let told = told_statuses();
    assert!(told.len() >= 25, "{told:?}");
    let mut asked = 0;
    for entry in corpus::requests() {
        let Some(status) = told.get(entry.reason) else { continue };
        let mut socket = TcpStream::connect(gateway.addresses()[0]).unwrap();
        // The gateway may respond and close before all of it has been taken.
        let _ = socket.write_all(&entry.bytes);
        let _ = socket.shutdown(Shutdown::Write);
        let mut response = Vec::new();
        let _ = socket.read_to_end(&mut response);
        let response = String::from_utf8_lossy(&response);
        let got = response.split(' ').nth(1).unwrap_or_default();
        assert_eq!(got, status.to_string(), "{}: {response}", entry.name);
        asked += 1;
    }
    assert!(asked >= 80, "{asked}");
    gateway.drain(std::time::Duration::ZERO);
}

/// The alerts of a page: name and expression.
fn alerts(page: &str) -> Vec<(String, String)> {
    let page = repository(page);
    let (_, table) = page.split_once("| alert | expression |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        // A bar within an expression would end the cell, wherever the page is shown.
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, expression] = &cells[..] else { panic!("{line}") };
        let expression = expression.split('`').nth(1).unwrap_or_else(|| panic!("{line}"));
        ((*name).to_owned(), expression.to_owned())
    };
    rows.map(row).collect()
}

#[test]
fn the_alerts_of_the_page_are_rules_that_fire_when_they_should() {
    let mut alerts = alerts("docs/on-call.md");
    assert!(alerts.len() >= 8, "{alerts:?}");
    // Those of a service are rules as well.
    alerts.extend(self::alerts("docs/on-call-service.md"));
    let folder = running::Scratch::new("alerts");
    let name = |at: usize| format!("Alert{at}");
    let rule = |(at, (_, expression)): (usize, &(String, String))| {
        format!("      - alert: {}\n        expr: '{expression}'", name(at))
    };
    let rules = alerts.iter().enumerate().map(rule).collect::<Vec<_>>().join("\n");
    fs::create_dir_all(folder.path("")).unwrap();
    fs::write(folder.path("rules.yaml"), format!("groups:\n  - name: page\n    rules:\n{rules}\n")).unwrap();
    let at = |part: &str| name(alerts.iter().position(|(_, expression)| expression.contains(part)).unwrap());
    let (breaker, endpoints) = (at("plimsoll_breaker_state"), at("plimsoll_endpoints"));
    let expected = |alert: &str, labels: &[&str]| {
        let labels = labels.iter().map(|labels| format!("          - exp_labels: {{ {labels} }}\n"));
        format!(
            "      - eval_time: 1m\n        alertname: {alert}\n        exp_alerts:\n{}",
            labels.collect::<String>()
        )
    };
    let series = |name: &str, labels: &str, value: u32| {
        format!("      - series: '{name}{{{labels}}}'\n        values: '{value}x5'\n")
    };
    let mut input = String::new();
    for (state, value) in [("closed", 0), ("open", 0), ("half-open", 1)] {
        input += &series("plimsoll_breaker_state", &format!("upstream=\"a\",state=\"{state}\""), value);
    }
    // One with a single replica that is well, one with two of four, one with one of four.
    for (upstream, available, ejected) in [("one", 1, 0), ("half", 2, 2), ("few", 1, 3)] {
        let labels = |state: &str| format!("upstream=\"{upstream}\",state=\"{state}\"");
        input += &series("plimsoll_endpoints", &labels("available"), available);
        input += &series("plimsoll_endpoints", &labels("ejected"), ejected);
    }
    let tests = format!(
        "rule_files: [rules.yaml]\ntests:\n  - interval: 1m\n    input_series:\n{input}    alert_rule_test:\n{}{}",
        expected(&breaker, &["upstream: a, state: half-open"]),
        expected(&endpoints, &["upstream: few"]),
    );
    fs::write(folder.path("tests.yaml"), tests).unwrap();
    let tool = Command::new("promtool").args(["test", "rules"]).arg(folder.path("tests.yaml")).output();
    let Ok(ran) = tool else {
        assert!(std::env::var_os("CI").is_none(), "promtool is missing");
        eprintln!("promtool is not installed: the expressions are not evaluated");
        return;
    };
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{said}");
}

#[tokio::test]
async fn the_configuration_in_force_has_defaults_written_out_and_the_page_names_what_is_absent() {
    let origin = Origin::http1().await;
    let text = format!(
        "ADMIN\nLISTENER\n[[route]]\nupstream = \"orders\"\n[upstream.orders]\nendpoints = [\"{}\"]\n",
        origin.address
    );
    let running = Running::start("in-force", &text).await;
    let config = &running.asked("/api/v1/config").await.json()["config"];
    let schema = file::schema();
    let mut absent = Vec::new();
    for (key, property) in schema["properties"].as_object().unwrap() {
        if config.get(key).is_none() {
            absent.push(key.clone());
            assert!(property.get("default").is_none(), "{key} has a default and is not there");
        }
    }
    assert_eq!(absent, ["workers"]);
    let page = repository("docs/admin-api.md");
    assert!(absent.iter().all(|key| page.contains(&format!("`{key}`"))));
    for key in ["timeout", "breaker", "retry", "bulkhead", "shed"] {
        assert!(!config["policy"]["default"][key].is_null(), "{key}: {config:#}");
    }
    // What is shown is what is in force: it reads back.
    let again = running.change(Method::PATCH, "/api/v1/policies/default", r#"{"retry": "off"}"#).await;
    assert_eq!(again.status, 200);
    let config = running.asked("/api/v1/config").await.json()["config"].clone();
    assert_eq!(config["policy"]["default"]["retry"], "off");
}

#[test]
fn what_needs_a_restart_is_named_where_it_is_promised_that_nothing_else_does() {
    let schema = file::schema();
    let once = |(key, property): (&String, &Value)| {
        let text = property["description"].as_str().unwrap_or_default();
        text.contains("Read once, at start").then(|| key.clone())
    };
    let once: Vec<String> = schema["properties"].as_object().unwrap().iter().filter_map(once).collect();
    assert_eq!(once, ["workers", "admin"]);
    for name in ["docs/on-call.md", "docs/run.md"] {
        let page = repository(name);
        for key in &once {
            assert!(
                page.contains(&format!("`{key}`")) || page.contains(&format!("`[{key}]`")),
                "{name}: {key}"
            );
        }
    }
}

/// Pages and manifests, but what is built.
fn texts(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", ".git", "node_modules"].contains(&&*name) {
                texts(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") || name == "Cargo.toml" {
            found.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn no_page_sends_anybody_to_a_place_that_nobody_owns_or_promises_a_response() {
    let mut found = Vec::new();
    texts(&root(), &mut found);
    assert!(found.len() >= 50, "{}", found.len());
    let promise =
        Regex::new(r"(?i)(answer|reply|respon[ds]e?|plan) within|working days|business days").unwrap();
    for (path, text) in &found {
        if path.ends_with("CHANGELOG.md") {
            continue;
        }
        assert!(!text.contains("github.com/plimsoll"), "{}", path.display());
        assert!(!text.contains("repository.workspace"), "{}", path.display());
        if path.ends_with("SECURITY.md") {
            assert!(!promise.is_match(text), "{}", path.display());
        }
    }
    let manifest = repository("Cargo.toml");
    assert!(!manifest.contains("\nrepository") && !manifest.contains("\nhomepage"));
}

#[test]
fn every_crate_says_how_its_documentation_is_built() {
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let manifest = fs::read_to_string(entry.unwrap().path().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[package.metadata.docs.rs]\nall-features = true\n"), "{manifest}");
    }
}
