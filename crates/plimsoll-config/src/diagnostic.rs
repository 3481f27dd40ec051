//! Faults of a file: the location, the expectation, and the word that may have been meant.

use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{cmp::Ordering, fmt};

/// The location of a fault.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Location {
    /// In a file.
    Text {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: u32,
        /// The column in characters, from 1.
        column: u32,
        /// The width in characters within the first line, at least 1.
        width: u32,
    },
    /// In a JSON value.
    Json {
        /// The JSON pointer (RFC 6901); empty for the root.
        pointer: String,
    },
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { file, line, column, .. } => write!(f, "{file}:{line}:{column}"),
            Self::Json { pointer } if pointer.is_empty() => f.write_str("/"),
            Self::Json { pointer } => f.write_str(pointer),
        }
    }
}

/// A fault, or a warning, with its location. It never holds a value that came from the environment.
///
/// `Display` is one line, as compilers write it; [`Diagnostic::render`] adds the line of the file and a caret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    location: Location,
    path: String,
    problem: String,
    expected: Option<String>,
    nearest: Option<String>,
}

impl Diagnostic {
    /// Creates a fault at a location and path (dotted, `"policy.careful.timeout.total"`; empty for the root).
    pub fn new(location: Location, path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { location, path: path.into(), problem: problem.into(), expected: None, nearest: None }
    }

    /// Adds the expectation.
    pub fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Adds the word that may have been meant.
    pub fn nearest_to(mut self, nearest: Option<impl Into<String>>) -> Self {
        self.nearest = nearest.map(Into::into);
        self
    }

    /// Returns the location.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Returns the keys that lead to the location, dotted; empty for the root.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the problem.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Returns the expectation.
    pub fn expected(&self) -> Option<&str> {
        self.expected.as_deref()
    }

    /// Returns the known word nearest to the one written, if one is near.
    pub fn nearest(&self) -> Option<&str> {
        self.nearest.as_deref()
    }

    /// Widens the expectation.
    pub(super) fn widen(&mut self, expected: &str, near: Option<&str>) {
        self.expected = Some(expected.to_owned());
        if let Some(near) = near {
            self.nearest = Some(near.to_owned());
        }
    }

    fn order(&self) -> (&str, u32, u32, &str) {
        match &self.location {
            Location::Text { file, line, column, .. } => (file, *line, *column, &self.path),
            Location::Json { pointer } => (pointer, 0, 0, &self.path),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.location)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.problem)?;
        if let Some(expected) = &self.expected {
            write!(f, ", expected {expected}")?;
        }
        match &self.nearest {
            Some(nearest) => write!(f, " (did you mean {nearest:?}?)"),
            None => Ok(()),
        }
    }
}

/// One flat object: `file`, `line`, `column`, `width` or `pointer`; then `path`, `problem`, `expected`, `nearest`,
/// the last two only where known.
impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.location {
            Location::Text { file, line, column, width } => {
                map.serialize_entry("file", file)?;
                map.serialize_entry("line", line)?;
                map.serialize_entry("column", column)?;
                map.serialize_entry("width", width)?;
            }
            Location::Json { pointer } => map.serialize_entry("pointer", pointer)?,
        }
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("problem", &self.problem)?;
        if let Some(expected) = &self.expected {
            map.serialize_entry("expected", expected)?;
        }
        if let Some(nearest) = &self.nearest {
            map.serialize_entry("nearest", nearest)?;
        }
        map.end()
    }
}

/// The faults of a document, in the order of the file. Never empty.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct ConfigError(Vec<Diagnostic>);

impl ConfigError {
    /// Sorts the faults and returns them as an error.
    ///
    /// # Errors
    /// If there is a fault.
    pub fn check(faults: Vec<Diagnostic>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self::sorted(faults)) }
    }

    fn sorted(mut faults: Vec<Diagnostic>) -> Self {
        faults.sort_by(|a, b| -> Ordering { a.order().cmp(&b.order()) });
        faults.dedup();
        Self(faults)
    }

    /// Returns the faults in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
}

impl From<Diagnostic> for ConfigError {
    fn from(fault: Diagnostic) -> Self {
        Self(vec![fault])
    }
}

impl<'a> IntoIterator for &'a ConfigError {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for ConfigError {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// One line a fault.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u32) -> Diagnostic {
        Diagnostic::new(
            Location::Text { file: "f".into(), line, column, width: 1 },
            "a.b",
            "unknown key \"b\"",
        )
    }

    #[test]
    fn one_line_says_it_all() {
        let fault = at(3, 7).expecting("\"be\" or \"bee\"").nearest_to(Some("be"));
        assert_eq!(
            fault.to_string(),
            "f:3:7: a.b: unknown key \"b\", expected \"be\" or \"bee\" (did you mean \"be\"?)"
        );
        assert_eq!(
            serde_json::to_value(&fault).unwrap(),
            serde_json::json!({
                "file": "f", "line": 3, "column": 7, "width": 1, "path": "a.b",
                "problem": "unknown key \"b\"", "expected": "\"be\" or \"bee\"", "nearest": "be",
            })
        );
    }

    #[test]
    fn faults_are_sorted_and_reported_once() {
        let faults = ConfigError::check(vec![at(10, 1), at(2, 9), at(2, 1), at(2, 9)]).unwrap_err();
        let locations: Vec<_> = faults.iter().map(|fault| fault.location().to_string()).collect();
        assert_eq!(locations, ["f:2:1", "f:2:9", "f:10:1"]);
        assert!(ConfigError::check(Vec::new()).is_ok());
    }
}
