//! Checks that no lint of the compiler has: long files, unfinished work, clocks inside the pure machines, retired names of
//! types, one style of imports.

use super::{imports, retired};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::{fs, path::Path};

/// Lines of a file before its tests; more than this is two ideas.
const LONGEST: usize = 600;

/// Words that have no place in a finished file. Split, so that this file does not find itself.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("to", "do!("), "unfinished"),
    (concat!("unimple", "mented!("), "unfinished"),
    (concat!("#[ig", "nore"), "a test that nobody runs"),
    (concat!("FIX", "ME"), "left for later"),
    (concat!("TO", "DO"), "left for later"),
];

/// Inside the machines, time and draws are arguments.
const IMPURE: &[&str] = &["Instant::now", "SystemTime::now", "thread_rng", "rand::rng("];

/// Names that say nothing about what a file is for.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "manager"];

/// Returns every finding, as `file:line: fault`.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in workspace.sources()? {
        let text = fs::read_to_string(workspace.root.join(&path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        judge(&path, &text, &mut found);
    }
    Ok(found)
}

fn judge(path: &Path, text: &str, found: &mut Vec<String>) {
    let at = path.display();
    if path.file_stem().is_some_and(|stem| EMPTY_NAMES.iter().any(|name| stem == *name)) {
        found.push(format!("{at}: a name that says nothing"));
    }
    let code = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
    if code > LONGEST && !path.iter().any(|part| part == "tests") {
        found.push(format!("{at}: {code} lines before its tests, more than {LONGEST}"));
    }
    imports::judge(path, text, found);
    let pure = path.starts_with("crates/plimsoll-policy/src");
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        for (word, why) in FORBIDDEN.iter().filter(|(word, _)| line.contains(word)) {
            found.push(format!("{at}:{number}: {word} ({why})"));
        }
        if let Some((name, term)) = retired::declared(line) {
            found.push(format!("{at}:{number}: the name {name} is retired, use the term: {term}"));
        }
        // Documentation may show how a driver reads its clock.
        if pure && !line.trim_start().starts_with("//") {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{at}:{number}: {word} inside a pure machine"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        judge(Path::new(path), text, &mut found);
        found
    }

    #[test]
    fn finds_what_is_left_for_later_with_its_line() {
        let text = format!("fn one() {{}}\n// {}: later\n", concat!("FIX", "ME"));
        assert_eq!(
            found("crates/a/src/lib.rs", &text),
            [concat!("crates/a/src/lib.rs:2: FIX", "ME (left for later)")]
        );
    }

    #[test]
    fn a_clock_is_found_in_the_machines_only_and_not_in_their_documentation() {
        let text = "/// let now = Instant::now();\nlet now = Instant::now();\n";
        assert_eq!(found("crates/plimsoll-policy/src/breaker.rs", text).len(), 1);
        assert_eq!(found("crates/plimsoll-tower/src/lib.rs", text).len(), 0);
    }

    #[test]
    fn a_retired_name_is_found_with_its_line() {
        let text = concat!("//! A file.\npub struct ", "Seat;\n");
        assert_eq!(
            found("crates/a/src/lib.rs", text),
            ["crates/a/src/lib.rs:2: the name Seat is retired, use the term: a slot, or a participant"]
        );
    }

    #[test]
    fn tests_do_not_make_a_file_long() {
        let code = "fn f() {}\n".repeat(LONGEST);
        let tests = format!("{code}#[cfg(test)]\n{code}");
        assert_eq!(found("crates/a/src/a.rs", &tests).len(), 0);
        assert_eq!(found("crates/a/src/a.rs", &format!("{code}\n")).len(), 1);
        assert_eq!(found("crates/a/tests/a.rs", &format!("{code}\n")).len(), 0);
    }

    #[test]
    fn a_name_that_says_nothing_is_found() {
        assert_eq!(found("crates/a/src/util.rs", "").len(), 1);
    }
}
