//! One style of imports: one block without blank lines, which rustfmt sorts, and one `use` for each root.
//!
//! Stable rustfmt neither merges imports nor removes blank lines between them, so what it leaves open is checked here.

use std::path::Path;

/// One `use` without visibility or attribute: these are exempt.
struct Import<'a> {
    root: &'a str,
    indentation: usize,
    /// Lines, counted from 0; the second is the last.
    lines: (usize, usize),
}

/// Adds the imports of `text` that break the style.
pub(super) fn judge(path: &Path, text: &str, found: &mut Vec<String>) {
    let lines: Vec<&str> = text.lines().collect();
    let mut block: Vec<Import<'_>> = Vec::new();
    let mut next = 0;
    while let Some(line) = lines.get(next) {
        if line.trim().is_empty() {
            next += 1;
            continue;
        }
        let Some(import) = import(&lines, next) else {
            block.clear();
            next += 1;
            continue;
        };
        if block.last().is_some_and(|last| last.indentation != import.indentation) {
            block.clear();
        }
        let at = format!("{}:{}", path.display(), next + 1);
        if block.last().is_some_and(|last| last.lines.1 + 1 != next) {
            found.push(format!("{at}: a blank line between imports"));
        }
        if block.iter().any(|other| other.root == import.root) {
            found.push(format!("{at}: a second `use {}::…` in one block", import.root));
        }
        next = import.lines.1 + 1;
        block.push(import);
    }
}

fn import<'a>(lines: &[&'a str], first: usize) -> Option<Import<'a>> {
    let text = lines[first].trim_start();
    let rest = text.strip_prefix("use ")?;
    if first > 0 && lines[first - 1].trim_start().starts_with("#[") {
        return None;
    }
    let root = rest.split([':', ';', ' ', '{']).next().unwrap_or_default();
    let length = lines[first..].iter().position(|line| line.trim_end().ends_with(';'))?;
    Some(Import { root, indentation: lines[first].len() - text.len(), lines: (first, first + length) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        judge(Path::new("a.rs"), text, &mut found);
        found
    }

    #[test]
    fn one_block_with_one_use_for_each_root_is_fine() {
        let text = "mod a;\n\nuse crate::a::A;\nuse std::{\n    fmt,\n    sync::Arc,\n};\n\npub use a::A;\n";
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn a_blank_line_is_found_with_its_place() {
        assert_eq!(
            found("use crate::a;\n\nuse std::{\n    fmt,\n};\n\nstruct S;\n"),
            ["a.rs:3: a blank line between imports"]
        );
    }

    #[test]
    fn a_root_that_is_named_twice_is_found() {
        assert_eq!(
            found("use std::fmt;\nuse std::sync::Arc;\n"),
            ["a.rs:2: a second `use std::…` in one block"]
        );
    }

    #[test]
    fn other_blocks_attributes_and_visible_imports_count_apart() {
        let text = "use std::fmt;\n\n#[cfg(unix)]\nuse std::os;\n\npub use std::sync;\n\nmod tests {\n    use std::fmt;\n}\n";
        assert_eq!(found(text), Vec::<String>::new());
    }
}
