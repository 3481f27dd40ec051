//! The text of a file, and the positions in it.

use crate::Location;
use std::ops::Range;

/// The name and text of a file, as faults quote them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceFile {
    name: String,
    text: String,
    /// The byte at which each line begins; never empty.
    lines: Vec<usize>,
}

impl SourceFile {
    /// Creates a source file from a name (usually the path, as the user gave it) and a text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Self { name: name.into(), text, lines }
    }

    /// Returns the file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the line of this number (from 1) without its end; empty if there is none.
    pub fn line(&self, number: u32) -> &str {
        let index = (number as usize).wrapping_sub(1);
        let Some(start) = self.lines.get(index).copied() else { return "" };
        let end = self.lines.get(index + 1).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r']).trim_start_matches(BYTE_ORDER_MARK)
    }

    /// Returns the location of a range of bytes; one beyond the text is at its end. O(log lines + line length).
    pub fn location(&self, bytes: Range<usize>) -> Location {
        let start = self.character_boundary(bytes.start);
        let index = self.lines.partition_point(|line| *line <= start).saturating_sub(1);
        let line_start = self.lines[index];
        let line_end = self.lines.get(index + 1).map_or(self.text.len(), |next| next - 1);
        let end = self.character_boundary(bytes.end.min(line_end)).max(start);
        let before = self.text[line_start..start].trim_start_matches(BYTE_ORDER_MARK);
        Location::Text {
            file: self.name.clone(),
            line: index as u32 + 1,
            column: before.chars().count() as u32 + 1,
            width: self.text[start..end].chars().count().max(1) as u32,
        }
    }

    /// Returns this byte, or the last before it at which a character begins.
    fn character_boundary(&self, at: usize) -> usize {
        self.text.floor_char_boundary(at)
    }
}

const BYTE_ORDER_MARK: char = '\u{feff}';

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, bytes: Range<usize>) -> (u32, u32, u32) {
        match SourceFile::new("f", text).location(bytes) {
            Location::Text { line, column, width, .. } => (line, column, width),
            Location::Json { .. } => unreachable!("a source file gives locations in text"),
        }
    }

    #[test]
    fn counts_lines_and_columns_in_characters_from_one() {
        assert_eq!(at("abc", 0..3), (1, 1, 3));
        assert_eq!(at("é = 1\nü = x", 12..13), (2, 5, 1));
        assert_eq!(at("a\r\nb = 7\r\n", 7..8), (2, 5, 1));
        assert_eq!(at("\u{feff}a = 1", 7..8), (1, 5, 1));
    }

    #[test]
    fn a_range_beyond_the_text_or_within_a_character_stands_at_a_boundary() {
        assert_eq!(at("", 0..0), (1, 1, 1));
        assert_eq!(at("ab\n", 99..120), (2, 1, 1));
        assert_eq!(at("é", 1..2), (1, 1, 1));
    }

    #[test]
    fn a_range_over_several_lines_is_as_wide_as_the_rest_of_the_first() {
        assert_eq!(at("a = [\n1,\n2]", 4..11), (1, 5, 1));
    }

    #[test]
    fn gives_lines_without_their_ends() {
        let source = SourceFile::new("f", "\u{feff}one\r\ntwo\n");
        assert_eq!([source.line(1), source.line(2), source.line(3), source.line(9)], ["one", "two", "", ""]);
        assert_eq!(source.line(0), "");
    }
}
