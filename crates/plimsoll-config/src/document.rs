//! Parsing of text into nodes.

use crate::{
    ConfigError, Diagnostic, Env, Reader, Shape, SourceFile,
    node::{Content, Entry, Node, Table},
};
use std::collections::HashSet;
use toml::de::{DeTable, DeValue};

/// A parsed TOML file that has not been validated. Only [`Document::read`] makes a usable value of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Document {
    source: SourceFile,
    root: Node,
}

impl Document {
    /// Parses TOML; faults call the file `name`.
    ///
    /// # Errors
    /// With every error of syntax, duplicate keys among them; at most one a line.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let source = SourceFile::new(name, text);
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut faults = syntax_faults(&source, &errors);
        if !faults.is_empty()
            && let Some(fault) = other_language(&source)
        {
            // All other errors follow from that.
            faults = vec![fault];
        }
        let mut root = Node { content: Content::Table(Table::default()), bytes: Some(0..0) };
        if faults.is_empty() {
            root.content = Content::Table(table_of(table.get_ref(), &source, &mut faults));
        }
        ConfigError::check(faults)?;
        Ok(Self { source, root })
    }

    /// Reads the document as a `T`, with `${NAME}` in texts replaced by the value of `NAME` in `env`.
    ///
    /// # Errors
    /// With every fault.
    pub fn read<T: Shape>(&self, env: Env<'_>) -> Result<T, ConfigError> {
        Reader::of_file(&self.source, env).root(&self.root)
    }

    /// Returns the text, to show faults in.
    pub fn source(&self) -> &SourceFile {
        &self.source
    }

    /// Returns the root value.
    pub fn root(&self) -> &Node {
        &self.root
    }
}

/// Reads a JSON value as a `T`. Locations are JSON pointers; `${NAME}` stands for itself, so that a sender of JSON cannot
/// read the environment.
///
/// # Errors
/// With every fault.
pub fn from_json<T: Shape>(value: &serde_json::Value) -> Result<T, ConfigError> {
    Reader::of_json().root(&Node::from_json(value))
}

fn syntax_faults(source: &SourceFile, errors: &[toml::de::Error]) -> Vec<Diagnostic> {
    let mut lines = HashSet::new();
    let mut faults = Vec::new();
    for error in errors {
        let bytes = error.span().unwrap_or(0..0);
        let location = source.location(bytes.clone());
        // The parser goes on after an error and trips over the rest of the line: its first word counts.
        if let crate::Location::Text { line, .. } = &location
            && !lines.insert(*line)
        {
            continue;
        }
        let written = source.text().get(bytes).unwrap_or_default();
        let (problem, expected) = reworded(error.message(), written);
        let fault = Diagnostic::new(location, "", problem);
        faults.push(match expected {
            Some(expected) => fault.expecting(expected),
            None => fault,
        });
    }
    faults
}

/// Recognises another language in a text that is not TOML, and reports it at its first line.
fn other_language(source: &SourceFile) -> Option<Diagnostic> {
    let text = source.text();
    let mut start = 0;
    let line = text.split_inclusive('\n').find(|line| {
        let empty = line.trim().is_empty() || line.trim_start().starts_with('#');
        start += if empty { line.len() } else { 0 };
        !empty
    })?;
    let line = line.trim_end();
    let language = match line.split_once(':') {
        _ if line.trim_start().starts_with('{') => "JSON",
        _ if line == "---" || line.trim_start().starts_with("- ") => "YAML",
        Some((key, rest)) if rest.is_empty() || rest.starts_with(' ') => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_. \"'".contains(c);
            key.chars().all(plain).then_some("YAML")?
        }
        _ => return None,
    };
    let fault =
        Diagnostic::new(source.location(start..start + line.len()), "", format!("this is {language}"));
    Some(fault.expecting("TOML: `key = \"value\"`, and `[section]` above the keys of a section"))
}

/// Splits the parser's message into a problem and an expectation.
fn reworded(message: &str, written: &str) -> (String, Option<String>) {
    let (problem, expected) = match message.split_once(", expected ") {
        Some((problem, expected)) => (problem, Some(expected).filter(|expected| *expected != "nothing")),
        None => (message, None),
    };
    match problem {
        "string values must be quoted" if written.is_empty() => {
            ("missing value".into(), Some("a value after `=`".into()))
        }
        "string values must be quoted" => (
            format!("found {written} without quotes"),
            Some(format!("{written:?}, or a number, true or false")),
        ),
        "duplicate key" => (format!("duplicate key {written:?}"), Some("every key once".into())),
        _ => (problem.to_owned(), expected.map(str::to_owned)),
    }
}

fn table_of(table: &DeTable<'_>, source: &SourceFile, faults: &mut Vec<Diagnostic>) -> Table {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_bytes: Some(key.span()),
            value: Node {
                content: content_of(value.get_ref(), value.span(), source, faults),
                bytes: Some(value.span()),
            },
        })
        .collect();
    // The parser sorts by name; a reader expects the order of the file.
    entries.sort_by_key(|entry| entry.key_bytes.as_ref().map(|bytes| bytes.start));
    Table::new(entries)
}

fn content_of(
    value: &DeValue<'_>,
    bytes: std::ops::Range<usize>,
    source: &SourceFile,
    faults: &mut Vec<Diagnostic>,
) -> Content {
    match value {
        DeValue::String(text) => Content::String(text.to_string()),
        DeValue::Boolean(value) => Content::Bool(*value),
        DeValue::Datetime(value) => Content::Datetime(value.to_string()),
        DeValue::Float(float) => Content::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Integer(integer) => {
            let value = i64::from_str_radix(integer.as_str(), integer.radix());
            if value.is_err() {
                let fault = Diagnostic::new(source.location(bytes), "", format!("found {integer}"));
                faults.push(fault.expecting("an integer of at most 64 bits"));
            }
            Content::Integer(value.unwrap_or_default().into())
        }
        DeValue::Array(items) => Content::Array(
            items
                .iter()
                .map(|item| Node {
                    content: content_of(item.get_ref(), item.span(), source, faults),
                    bytes: Some(item.span()),
                })
                .collect(),
        ),
        DeValue::Table(table) => Content::Table(table_of(table, source, faults)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_language_is_reported_once_by_name() {
        for (text, line, language) in [
            ("# mine\n\nversion: 1\nlistener:\n  - listen: 127.0.0.1:80\n", 3, "YAML"),
            ("---\nversion: 1\n", 1, "YAML"),
            ("routes:\n", 1, "YAML"),
            ("- a\n- b\n", 1, "YAML"),
            ("{\n  \"version\": 1\n}\n", 1, "JSON"),
        ] {
            let faults = Document::parse("f", text).unwrap_err();
            let [fault] = faults.iter().as_slice() else { panic!("{faults}") };
            assert_eq!(fault.problem(), format!("this is {language}"), "{text}");
            assert!(fault.location().to_string().starts_with(&format!("f:{line}:")), "{fault}");
        }
        let faults = Document::parse("f", "version = 1\nlisten = 127.0.0.1:80\n").unwrap_err();
        assert!(!faults.to_string().contains("this is"), "{faults}");
        assert!(Document::parse("f", "version = 1 # a: b\n").is_ok());
    }
}
