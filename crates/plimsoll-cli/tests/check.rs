//! The program from outside: `plimsoll check`.

mod program;

use program::{Ran, Scratch, plimsoll, plimsoll_in};
use serde_json::{Value, json};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/gateway.toml");

const SOUND: &str = r#"
version = 1
listener = [{ listen = "127.0.0.1:80" }]
admin = { token = "${PLIMSOLL_TEST_SECRET}" }
route = [{ upstream = "a" }]
upstream.a.endpoints = ["a:1"]
"#;

fn json_of(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).expect("it writes JSON")
}

#[test]
fn a_right_file_is_told_in_one_line() {
    let ran = plimsoll(&["check", EXAMPLE]);
    assert_eq!((ran.code, &*ran.err), (0, ""));
    assert_eq!(
        ran.out,
        format!("{EXAMPLE}: 1 listener, 2 routes, 1 upstream with 3 endpoints, 2 policies\n")
    );
    let ran = plimsoll(&["check", EXAMPLE, "--json"]);
    assert_eq!((ran.code, &*ran.err, json_of(&ran)), (0, "", json!([])));
}

#[test]
fn every_fault_is_told_at_once() {
    let scratch = Scratch::new("faults");
    let file = scratch.file("version = 1\n[[listener]]\nlisten = \"127.0.0.1:8080\"\n\n[[route]]\nupstream = \"ordrs\"\n\n[upstream.orders]\nendpoints = [\"127.0.0.1\"]\n");
    let ran = plimsoll(&["check", &file]);
    let expected = format!(
        r#"error: no upstream is called "ordrs"
 --> {file}:6:12 (route[0].upstream)
  |
6 | upstream = "ordrs"
  |            ^^^^^^^
  = expected "orders"
  = did you mean "orders"?

error: found "127.0.0.1"
 --> {file}:9:14 (upstream.orders.endpoints[0])
  |
9 | endpoints = ["127.0.0.1"]
  |              ^^^^^^^^^^^
  = expected a host and a port such as "10.0.0.7:8080" or "orders.internal:80"

{file}: 2 faults
"#
    );
    assert_eq!((ran.code, &*ran.out, ran.err), (2, "", expected));
}

#[test]
fn faults_are_told_to_programs_too() {
    let scratch = Scratch::new("json");
    let file = scratch.file("version = 1\n[[listener]]\nlisten = \"127.0.0.1:8080\"\n[[route]]\nupstream = \"ordrs\"\n[upstream.orders]\nendpoints = [\"a:1\"]\n");
    let ran = plimsoll(&["check", "--json", &file]);
    assert_eq!((ran.code, &*ran.err), (2, ""));
    let expected = json!([{
        "severity": "error", "file": file, "line": 5, "column": 12, "width": 7, "path": "route[0].upstream",
        "problem": "no upstream is called \"ordrs\"", "expected": "\"orders\"", "nearest": "orders",
    }]);
    assert_eq!(json_of(&ran), expected);
}

#[test]
fn a_warning_is_told_and_is_no_fault() {
    let scratch = Scratch::new("warning");
    let file = scratch.file(format!("{SOUND}[policy.left]\n"));
    let ran = plimsoll(&["check", &file]);
    assert_eq!(ran.code, 0);
    assert!(ran.err.starts_with("warning: no route has the policy \"left\"\n"), "{}", ran.err);
    assert_eq!(ran.out, format!("{file}: 1 listener, 1 route, 1 upstream with 1 endpoint, 1 policy\n"));
    let ran = plimsoll(&["check", &file, "--json"]);
    assert_eq!((ran.code, &*ran.err), (0, ""));
    assert_eq!(json_of(&ran)[0]["severity"], "warning");
}

#[test]
fn what_cannot_be_read_ends_with_1() {
    let scratch = Scratch::new("unreadable");
    let missing = scratch.path().join("none.toml");
    for path in [missing.to_str().unwrap(), scratch.path().to_str().unwrap()] {
        let ran = plimsoll(&["check", path]);
        assert_eq!((ran.code, &*ran.out), (1, ""));
        assert!(ran.err.starts_with(&format!("error: cannot read {path}: ")), "{}", ran.err);
        let ran = plimsoll(&["check", path, "--json"]);
        assert_eq!((ran.code, &*ran.err), (1, ""));
        assert_eq!(json_of(&ran)[0]["file"], path);
    }
}

#[test]
fn a_file_that_is_no_text_or_empty_ends_with_2() {
    let scratch = Scratch::new("bytes");
    let file = scratch.file(b"version = 1\n\xff\n");
    let ran = plimsoll(&["check", &file]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains(&format!(" --> {file}:2:1\n")), "{}", ran.err);
    let file = scratch.file("");
    let ran = plimsoll(&["check", &file]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("missing key \"version\"") && ran.err.contains("2 faults"), "{}", ran.err);
}

#[test]
fn secrets_of_the_environment_are_never_shown() {
    let scratch = Scratch::new("secrets");
    let sound = scratch.file(SOUND);
    for arguments in [&["check", &sound][..], &["check", "--json", &sound]] {
        let ran = plimsoll(arguments);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(!format!("{ran:?}").contains("hunter2"));
    }
    // In every place where a text stands.
    let secret = "\"${PLIMSOLL_TEST_SECRET}\"";
    let wrong = scratch.file(format!(
        "version = {secret}\nworkers = {secret}\ndrain = {secret}\ntrusted = [{secret}]\n[admin]\nlisten = {secret}\n\
         token = {secret}\n[[listener]]\nlisten = {secret}\n[limits]\nhead = {secret}\n[[route]]\nhost = \"a b${{PLIMSOLL_TEST_SECRET}}\"\n\
         path = {secret}\nmethods = [{secret}]\nupstream = {secret}\npolicy = {secret}\n[upstream.hunter]\n\
         endpoints = [{secret}]\nprotocol = {secret}\nbalance = {secret}\nhealth = {secret}\n[policy.hunter]\n\
         retry = {secret}\ntimeout = {{ total = {secret} }}\n"
    ));
    for arguments in [&["check", &wrong][..], &["check", "--json", &wrong]] {
        let ran = plimsoll(arguments);
        assert_eq!(ran.code, 2);
        assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
        let told = if arguments.len() == 2 {
            ran.err.matches("error: ").count()
        } else {
            json_of(&ran).as_array().unwrap().len()
        };
        assert!(told >= 18, "{told}: {ran:?}");
    }
    let unset = scratch.file(SOUND.replace("PLIMSOLL_TEST_SECRET", "PLIMSOLL_TEST_UNSET"));
    let ran = plimsoll(&["check", &unset]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.starts_with("error: the environment has no PLIMSOLL_TEST_UNSET\n"), "{}", ran.err);
}

#[test]
fn without_a_file_the_default_is_checked_or_it_says_where_it_looked() {
    let scratch = Scratch::new("default");
    let ran = plimsoll_in(scratch.path(), &["check"], "");
    assert_eq!((ran.code, &*ran.out), (1, ""));
    assert!(ran.err.starts_with("error: cannot read plimsoll.toml: "), "{}", ran.err);
    assert!(ran.err.contains(scratch.path().to_str().unwrap()), "{}", ran.err);
    std::fs::write(scratch.path().join("plimsoll.toml"), SOUND).unwrap();
    let ran = plimsoll_in(scratch.path(), &["check"], "");
    assert_eq!((ran.code, &*ran.err), (0, ""));
    assert!(ran.out.starts_with("plimsoll.toml: 1 listener"), "{}", ran.out);
}

#[test]
fn a_dash_is_standard_input() {
    let here = std::env::temp_dir();
    let ran = plimsoll_in(&here, &["check", "-"], SOUND);
    assert_eq!((ran.code, &*ran.err), (0, ""));
    assert!(ran.out.starts_with("standard input: 1 listener"), "{}", ran.out);
    let ran = plimsoll_in(&here, &["check", "-", "--json"], "version = 2\n");
    assert_eq!((ran.code, &json_of(&ran)[0]["file"]), (2, &"standard input".into()));
}

#[test]
fn yaml_is_told_as_such_and_so_is_tls() {
    let here = std::env::temp_dir();
    let ran = plimsoll_in(&here, &["check", "-"], "version: 1\nlistener:\n  - listen: 127.0.0.1:80\n");
    assert_eq!(ran.code, 2);
    assert!(ran.err.starts_with("error: this is YAML\n --> standard input:1:1\n"), "{}", ran.err);
    assert!(ran.err.contains(": 1 fault\n") && !ran.err.contains('\x1b'), "{}", ran.err);
    for text in [
        SOUND.replace("listen = \"127.0.0.1:80\"", "listen = \"127.0.0.1:443\", tls = { cert = \"a.pem\" }"),
        format!("{SOUND}upstream.a.tls = true\n"),
        format!("{SOUND}[tls]\ncertificate = \"a.pem\"\n"),
    ] {
        let ran = plimsoll_in(&here, &["check", "-"], &text);
        assert_eq!(ran.code, 2);
        assert!(
            ran.err.contains("`tls` is not there yet") && ran.err.contains("TLS terminator"),
            "{}",
            ran.err
        );
        assert!(!ran.err.contains("did you mean"), "{}", ran.err);
    }
}
