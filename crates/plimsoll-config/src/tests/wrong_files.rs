//! Wrong files and what is said of them, word by word.

use super::read;
use crate::{Document, Located, PolicyFile, Size};

/// Each case is a file, `---`, and its faults; `===` between cases.
const CASES: &str = include_str!("wrong_files.txt");

#[test]
fn every_wrong_file_is_told_place_expectation_and_nearest_word() {
    let mut count = 0;
    for case in CASES.split("===\n") {
        let (text, expected) = case.split_once("---\n").expect("a case has a file and its faults");
        let faults = read::<PolicyFile>(text).expect_err(text).to_string();
        assert_eq!(faults, expected.trim_end(), "\n{text}");
        count += 1;
    }
    assert!(count >= 60, "only {count} cases were found");
}

#[test]
fn what_the_environment_has_is_never_told() {
    for case in CASES.split("===\n") {
        let (text, _) = case.split_once("---\n").expect("a case has a file and its faults");
        let document = Document::parse("f", text);
        let faults = read::<PolicyFile>(text).expect_err(text);
        let json = serde_json::to_string(&faults).unwrap();
        let shown = document.map_or_else(|_| String::new(), |document| faults.render(document.source()));
        for told in [json, shown, format!("{faults:?}")] {
            assert!(!told.contains("hunter2") && !told.contains("77777"), "{told}");
        }
    }
}

#[test]
fn faults_are_rendered_with_their_lines() {
    let text = "version = 1\n[policy.p]\nretry = { atempts = 3 }\n";
    let document = Document::parse("gateway.toml", text).unwrap();
    let faults = document.read::<PolicyFile>(&|_| None).unwrap_err();
    let expected = r#"error: unknown key "atempts"
 --> gateway.toml:3:11 (policy.p.retry.atempts)
  |
3 | retry = { atempts = 3 }
  |           ^^^^^^^
  = expected "attempts", "backoff", "jitter", "budget", "reserve", "on" or "window"
  = did you mean "attempts"?
"#;
    assert_eq!(faults.render(document.source()), expected);
}

#[test]
fn a_placed_value_tells_a_fault_later() {
    let sizes: Vec<Located<Size>> = crate::from_json(&serde_json::json!(["1KiB", 7])).unwrap();
    let fault = sizes[1].fault(format!("{} is too small", sizes[1].shown()));
    assert_eq!(fault.to_string(), "/1: [1]: 7 is too small");
}
