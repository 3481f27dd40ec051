//! Two journals, line by line.

use super::{Detail, Journal};
use std::fmt::Write;

/// How many lines before the first difference are shown, and how many from there on.
const BEFORE: usize = 8;
const FROM: usize = 25;

/// Holds a driver's journal against the reference. `replay` is the command that plays this one script again.
///
/// # Errors
/// Both, from shortly before the first difference on.
pub fn compare(
    reference: &Journal,
    driver: &Journal,
    detail: Detail,
    name: &str,
    replay: &str,
) -> Result<(), String> {
    lines(&reference.lines(detail), &driver.lines(detail), name, replay)
}

/// The same for any lines.
pub(super) fn lines(expected: &[String], found: &[String], name: &str, replay: &str) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let first = expected.iter().zip(found).take_while(|(expected, found)| expected == found).count();
    let mut text = format!("{name} differs from the reference at line {first}. Again: {replay}\n");
    let from = first.saturating_sub(BEFORE);
    for (title, lines) in [("reference", expected), (name, found)] {
        let _infallible = writeln!(text, "--- {title}");
        for (at, line) in lines.iter().enumerate().skip(from).take(BEFORE + FROM) {
            let _infallible = writeln!(text, "{}{at:>4} {line}", if at == first { '>' } else { ' ' });
        }
    }
    Err(text)
}
