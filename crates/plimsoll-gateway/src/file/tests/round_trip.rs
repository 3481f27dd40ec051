//! Written values read back equal, and no input breaks the reader.

use super::{EXAMPLE, read, strategies};
use crate::file::{encode, parse, root::Root};
use plimsoll::config::from_json;
use proptest::prelude::*;
use serde_json::json;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_gateway_is_read_as_it_was_written(spec in strategies::gateway()) {
        let written = encode(&spec);
        let read = from_json::<Root>(&written);
        prop_assert_eq!(read.map_err(|faults| TestCaseError::fail(format!("{faults}\n{written}")))?.spec, spec);
    }

    #[test]
    fn what_is_written_is_a_file_too(spec in strategies::gateway()) {
        let text = toml::to_string(&encode(&spec)).unwrap();
        let read = parse("f", &text.replace("${", "$${"), &|_| None);
        prop_assert_eq!(read.map_err(|invalid| TestCaseError::fail(invalid.render()))?.spec, spec);
    }

    #[test]
    fn no_text_breaks_the_reader(text in ".*|[a-z\\[\\]\"'.=\n{}, 0-9${}#é]{0,80}") {
        told(&text);
    }

    /// Near to right, so that what is behind the syntax is reached.
    #[test]
    fn no_damage_breaks_the_reader(
        at in any::<prop::sample::Index>(),
        length in 0..40usize,
        with in "[ \"=\n{}\\[\\].a-z0-9$é]{0,6}",
    ) {
        let start = EXAMPLE.floor_char_boundary(at.index(EXAMPLE.len()));
        let end = EXAMPLE.ceil_char_boundary((start + length).min(EXAMPLE.len()));
        told(&format!("{}{with}{}", &EXAMPLE[..start], &EXAMPLE[end..]));
    }
}

/// Reads a text and tells every fault in every way.
fn told(text: &str) {
    match read(text) {
        Ok(loaded) => drop((loaded.render_warnings(), encode(&loaded.spec))),
        Err(invalid) => assert!(!invalid.to_string().is_empty() && !invalid.render().is_empty()),
    }
}

#[test]
fn secrets_are_not_written() {
    let text = r#"
version = 1
listener = [{ listen = "127.0.0.1:80" }]
admin = { token = "${SECRET}" }
route = [{ upstream = "a", headers = { x-key = "${SECRET}", x-open = "yes" } }]
upstream.a.endpoints = ["a:1"]
"#;
    let written = encode(&read(text).unwrap().spec);
    assert_eq!(written["admin"], json!({ "listen": "127.0.0.1:9901", "token": "***" }));
    assert_eq!(written["route"][0]["headers"], json!({ "x-key": "***", "x-open": "yes" }));
    assert!(!written.to_string().contains("hunter2"));
}

#[test]
fn the_example_is_written_with_the_files_keys() {
    let written = encode(&read(EXAMPLE).unwrap().spec);
    assert_eq!(written["version"], 1);
    assert_eq!(written["listener"][0]["listen"], "127.0.0.1:8080");
    assert_eq!(written["listener"][0]["paths"]["encoded-slash"], "refuse");
    assert_eq!(written["listener"][0]["header-names"], "drop");
    assert_eq!(written["access-log"], "off");
    assert_eq!(written["limits"]["head-time"], "10s");
    assert_eq!(written["upstream"]["orders"]["ejection"]["at-most"], "67%");
    assert_eq!(written["policy"]["patient"]["retry"], "off");
    assert_eq!(written["route"][1]["path"], "/reports/");
    assert_eq!(written.get("workers"), None);
}
