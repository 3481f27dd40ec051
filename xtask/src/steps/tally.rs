//! Reads the counts that test runners print.

use std::ops::AddAssign;

/// Tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Tally {
    /// Adds what `line` counts, if it is the last line of `cargo test` or of `cargo nextest`.
    pub(crate) fn read(&mut self, line: &str) {
        let plain = without_colour(line);
        let plain = plain.trim();
        let counts = if let Some(rest) = plain.strip_prefix("test result: ") {
            rest.split_once(". ").map(|(_, counts)| counts)
        } else if plain.starts_with("Summary [") {
            plain.split_once(" run: ").map(|(_, counts)| counts)
        } else {
            None
        };
        for count in counts.into_iter().flat_map(|counts| counts.split([';', ','])) {
            let mut words = count.split_whitespace();
            let (Some(Ok(number)), Some(word)) = (words.next().map(str::parse::<u64>), words.next()) else {
                continue;
            };
            match word {
                "passed" => self.passed += number,
                // nextest has three ways to fail: "failed", "exec failed" and "timed out".
                "failed" | "exec" | "timed" => self.failed += number,
                _ => {}
            }
        }
    }
}

/// The line without its terminal colours (`ESC [ … letter`).
fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> (u64, u64) {
        let mut tally = Tally::default();
        for line in lines {
            tally.read(line);
        }
        (tally.passed, tally.failed)
    }

    #[test]
    fn reads_cargo_test() {
        let ok =
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.01s";
        let bad = "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(tally(&[ok, bad]), (15, 2));
    }

    #[test]
    fn reads_nextest() {
        assert_eq!(tally(&["     Summary [   0.004s] 12 tests run: 12 passed (1 slow), 4 skipped"]), (12, 0));
        assert_eq!(
            tally(&[
                "Summary [ 9.1s] 6/9 tests run: 2 passed, 1 failed, 1 exec failed, 2 timed out, 0 skipped"
            ]),
            (2, 4)
        );
    }

    #[test]
    fn reads_through_colour() {
        let line = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m1\u{1b}[0m test run: \u{1b}[1m1\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, 0 skipped";
        assert_eq!(tally(&[line]), (1, 0));
    }

    #[test]
    fn a_line_that_only_looks_alike_counts_nothing() {
        assert_eq!(
            tally(&["3 passed, 4 failed", "test result: ", "Summary: 9 passed", "running 4 tests"]),
            (0, 0)
        );
    }
}
