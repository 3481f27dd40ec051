//! Rendering of a fault with its line.

use crate::{ConfigError, Diagnostic, Location, SourceFile};
use std::fmt::Write;

/// The most characters of a line that are shown.
const WIDTH: usize = 100;

impl Diagnostic {
    /// Renders the fault as compilers do: the problem, its location, the line with a caret, and what was expected.
    ///
    /// A fault without a line (in a JSON value) has no quotation. Long lines are cut to a window around the fault.
    pub fn render(&self, source: &SourceFile) -> String {
        let mut out = format!("error: {}\n", self.problem());
        let Location::Text { line, column, width, .. } = self.location() else {
            let _ = writeln!(out, "  --> {}", self.location());
            self.notes(&mut out, "");
            return out;
        };
        let gutter = " ".repeat(line.to_string().len());
        let _ = write!(out, "{gutter}--> {}", self.location());
        let _ = if self.path().is_empty() { writeln!(out) } else { writeln!(out, " ({})", self.path()) };
        let shown = Excerpt::of(source.line(*line), *column as usize - 1, *width as usize);
        let _ = writeln!(out, "{gutter} |");
        let _ = writeln!(out, "{line} | {}", shown.text);
        let _ = writeln!(out, "{gutter} | {}{}", " ".repeat(shown.indent), "^".repeat(shown.width));
        self.notes(&mut out, &gutter);
        out
    }

    fn notes(&self, out: &mut String, gutter: &str) {
        if let Some(expected) = self.expected() {
            let _ = writeln!(out, "{gutter} = expected {expected}");
        }
        if let Some(nearest) = self.nearest() {
            let _ = writeln!(out, "{gutter} = did you mean {nearest:?}?");
        }
    }
}

impl ConfigError {
    /// Renders every fault as [`Diagnostic::render`] does, with an empty line between.
    pub fn render(&self, source: &SourceFile) -> String {
        self.iter().map(|fault| fault.render(source)).collect::<Vec<_>>().join("\n")
    }
}

struct Excerpt {
    text: String,
    indent: usize,
    width: usize,
}

impl Excerpt {
    fn of(line: &str, start: usize, width: usize) -> Self {
        let length = line.chars().count();
        let first = if length <= WIDTH { 0 } else { start.saturating_sub(WIDTH / 3) };
        let window = line.chars().skip(first).take(WIDTH);
        // Control characters would move the caret, or the user's terminal.
        let mut text: String = window.map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut indent = start - first.min(start);
        if first > 0 {
            text.insert(0, '…');
            indent += 1;
        }
        if length > first + WIDTH {
            text.push('…');
        }
        let room = text.chars().count().saturating_sub(indent).max(1);
        Self { text: text.trim_end().to_owned(), indent, width: width.clamp(1, room) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str, needle: &str) -> String {
        let source = SourceFile::new("gateway.toml", text);
        let start = text.find(needle).unwrap();
        Diagnostic::new(
            source.location(start..start + needle.len()),
            "a.b",
            format!("unknown key {needle:?}"),
        )
        .expecting("\"total\"")
        .nearest_to(Some("total"))
        .render(&source)
    }

    #[test]
    fn shows_the_line_and_a_caret() {
        let expected = "\
error: unknown key \"totl\"
  --> gateway.toml:10:13 (a.b)
   |
10 | timeout = { totl = \"1s\" }
   |             ^^^^
   = expected \"total\"
   = did you mean \"total\"?
";
        let text = format!("{}timeout = {{ totl = \"1s\" }}\n", "\n".repeat(9));
        assert_eq!(rendered(&text, "totl"), expected);
    }

    #[test]
    fn a_tab_is_one_column_wide() {
        assert!(rendered("\tx = 1", "x").contains("1 |  x = 1\n  |  ^\n"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_fault() {
        let text = format!("{} needle {}", "é".repeat(5000), "ü".repeat(5000));
        let out = rendered(&text, "needle");
        let line = out.lines().nth(3).unwrap();
        let caret = out.lines().nth(4).unwrap();
        assert!(line.chars().count() < WIDTH + 10, "{line}");
        let column = caret.chars().take_while(|c| *c != '^').count();
        assert_eq!(line.chars().skip(column).take(6).collect::<String>(), "needle");
    }

    #[test]
    fn a_place_in_json_has_no_line() {
        let fault =
            Diagnostic::new(Location::Json { pointer: "/retry/budget".into() }, "retry.budget", "found 7");
        assert_eq!(fault.render(&SourceFile::new("", "")), "error: found 7\n  --> /retry/budget\n");
    }
}
