//! The program from outside: `schema`, `completions`, `man`, and nothing at all.

mod program;

use program::{Ran, plimsoll};
use serde_json::Value;

#[test]
fn alone_it_says_what_it_can_do_in_ten_lines() {
    let Ran { code, out, err } = plimsoll(&[]);
    assert_eq!((code, &*err), (0, ""));
    assert!((5..=10).contains(&out.lines().count()), "{out}");
    for command in ["check", "schema", "completions", "man"] {
        assert!(out.contains(&format!("plimsoll {command}")), "{out}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in
        [&["chekc"][..], &["check", "a", "b"], &["--wrong"], &["completions", "cmd"], &["man", "no"]]
    {
        let ran = plimsoll(arguments);
        assert_eq!((ran.code, &*ran.out), (2, ""), "{arguments:?}");
        assert!(!ran.err.is_empty(), "{arguments:?}");
    }
    assert!(plimsoll(&["chekc"]).err.contains("check"));
}

#[test]
fn help_and_version_end_with_0() {
    for arguments in [&["--help"][..], &["help", "check"], &["check", "--help"], &["--version"]] {
        let ran = plimsoll(arguments);
        assert_eq!((ran.code, &*ran.err), (0, ""), "{arguments:?}");
        assert!(!ran.out.is_empty());
    }
    assert_eq!(plimsoll(&["--version"]).out, concat!("plimsoll ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn the_schema_is_json() {
    let ran = plimsoll(&["schema"]);
    assert_eq!((ran.code, &*ran.err), (0, ""));
    let schema: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["properties"]["upstream"]["additionalProperties"]["type"], "object");
}

#[test]
fn there_are_completions_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = plimsoll(&["completions", shell]);
        assert_eq!((ran.code, &*ran.err), (0, ""), "{shell}");
        assert!(ran.out.contains("plimsoll") && ran.out.contains("schema"), "{shell}");
    }
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let whole = plimsoll(&["man"]);
    assert_eq!((whole.code, &*whole.err), (0, ""));
    assert!(
        whole.out.contains(".TH plimsoll 1") && whole.out.contains("plimsoll\\-check(1)"),
        "{}",
        whole.out
    );
    for command in ["check", "schema", "completions", "man"] {
        let page = plimsoll(&["man", command]);
        assert_eq!(page.code, 0, "{command}");
        assert!(page.out.contains(&format!(".TH plimsoll-{command} 1")), "{}", page.out);
    }
}
