//! Reading of values: the path, the environment, and the faults so far.

use crate::{
    ConfigError, Diagnostic, Env, Location, Shape, SourceFile,
    environment::{self, ReferenceError},
    name::nearest,
    node::{Content, Entry, Node},
};
use std::{
    borrow::Cow,
    fmt::Write,
    ops::{Range, RangeInclusive},
};

/// A reader of values that collects their faults, so that all are reported at once.
#[derive(Debug)]
pub struct Reader<'d> {
    origin: Origin<'d>,
    path: Vec<PathSegment>,
    faults: Vec<Diagnostic>,
}

enum Origin<'d> {
    File { source: &'d SourceFile, env: Env<'d> },
    Json,
}

impl std::fmt::Debug for Origin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { source, .. } => write!(f, "File({:?})", source.name()),
            Self::Json => f.write_str("Json"),
        }
    }
}

/// Returns whether nothing of this text came from the environment. A word near to a text that did would reveal it.
fn as_written(node: &Node, text: &str) -> bool {
    matches!(node.content(), Content::String(raw) if raw == text)
}

/// Replaces units written in full by those of the file: "3 seconds" becomes "3s".
fn usual_units(text: &str) -> String {
    const NAMES: [(&str, &[&str]); 7] = [
        ("ns", &["nanos", "nanosecond", "nanoseconds"]),
        ("us", &["micros", "microsecond", "microseconds"]),
        ("ms", &["msec", "msecs", "millis", "millisecond", "milliseconds"]),
        ("s", &["sec", "secs", "second", "seconds"]),
        ("m", &["min", "mins", "minute", "minutes"]),
        ("h", &["hr", "hrs", "hour", "hours"]),
        ("d", &["day", "days"]),
    ];
    let usual = |word: &str| NAMES.iter().find(|(unit, names)| *unit == word || names.contains(&word));
    let lower = text.to_lowercase();
    let mut out = String::new();
    let mut rest = lower.as_str();
    while let Some(first) = rest.chars().next() {
        let letters = first.is_alphabetic();
        let end = rest.find(|c: char| c.is_alphabetic() != letters).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        if letters {
            out.push_str(usual(run).map_or(run, |(unit, _)| unit));
        } else {
            out.extend(run.chars().filter(|c| !c.is_whitespace()));
        }
        rest = after;
    }
    out
}

/// One step of the path from the root to a value.
#[derive(Clone, Debug)]
enum PathSegment {
    Key(String),
    Index(usize),
}

impl<'d> Reader<'d> {
    pub(super) fn of_file(source: &'d SourceFile, env: Env<'d>) -> Self {
        Self { origin: Origin::File { source, env }, path: Vec::new(), faults: Vec::new() }
    }

    pub(super) fn of_json() -> Self {
        Self { origin: Origin::Json, path: Vec::new(), faults: Vec::new() }
    }

    /// Reads the root of a document.
    pub(super) fn root<T: Shape>(mut self, node: &Node) -> Result<T, ConfigError> {
        let value = T::read(node, &mut self);
        if value.is_none() && self.faults.is_empty() {
            // A shape that returns nothing and reports nothing must not pass either.
            self.refuse(node, &T::expected());
        }
        ConfigError::check(self.faults)?;
        value.ok_or_else(|| Diagnostic::new(Location::Json { pointer: String::new() }, "", "no value").into())
    }

    /// Reads the value of a key.
    pub fn key<T: Shape>(&mut self, key: &str, node: &Node) -> Option<T> {
        self.within(PathSegment::Key(key.to_owned()), |reader| T::read(node, reader))
    }

    /// Reads the value at an index.
    pub fn index<T: Shape>(&mut self, index: usize, node: &Node) -> Option<T> {
        self.within(PathSegment::Index(index), |reader| T::read(node, reader))
    }

    fn within<T>(&mut self, step: PathSegment, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let value = read(self);
        self.path.pop();
        value
    }

    /// Creates a fault at this value, to be completed and given to [`Reader::push`].
    pub fn fault(&self, node: &Node, problem: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.location(node), self.path(), problem)
    }

    /// Creates a fault at the key of this entry.
    pub fn fault_at_key(&mut self, entry: &Entry, problem: impl Into<String>) -> Diagnostic {
        self.within(PathSegment::Key(entry.key.clone()), |reader| {
            Diagnostic::new(reader.location_of(entry.key_bytes.clone()), reader.path(), problem)
        })
    }

    /// Creates a fault at a value some keys below the one being read.
    pub(super) fn fault_below(
        &mut self,
        keys: &[&str],
        node: &Node,
        problem: impl Into<String>,
    ) -> Diagnostic {
        let depth = self.path.len();
        self.path.extend(keys.iter().map(|key| PathSegment::Key((*key).to_owned())));
        let fault = self.fault(node, problem);
        self.path.truncate(depth);
        fault
    }

    /// Adds a fault.
    pub fn push(&mut self, fault: Diagnostic) {
        self.faults.push(fault);
    }

    /// Adds a fault: this value is not `expected`.
    pub fn refuse(&mut self, node: &Node, expected: &str) {
        let fault = self.fault(node, format!("found {}", node.shown())).expecting(expected);
        self.push(fault);
    }

    /// Reads a list, which is described as `expected`; an empty one only if it `may_be_empty`.
    pub fn list<T: Shape>(&mut self, node: &Node, may_be_empty: bool, expected: &str) -> Option<Vec<T>> {
        match node.content() {
            Content::Array(items) if items.is_empty() && !may_be_empty => {
                let fault = self.fault(node, "found an empty list").expecting(expected);
                self.push(fault);
                None
            }
            Content::Array(_) => Vec::read(node, self),
            _ => {
                self.refuse(node, expected);
                None
            }
        }
    }

    /// Returns the number of faults so far.
    pub fn faults(&self) -> usize {
        self.faults.len()
    }

    /// Changes the faults from the `from`th on that concern the value being read itself and expected `narrow`: they expect
    /// `wide`, and name the word that was perhaps meant.
    pub(super) fn widen(&mut self, from: usize, narrow: &str, wide: &str, near: Option<&str>) {
        let path = self.path();
        for fault in self.faults.iter_mut().skip(from) {
            if fault.path() == path && fault.expected() == Some(narrow) {
                fault.widen(wide, near);
            }
        }
    }

    /// Returns whether this is exactly the text `word`, with references to the environment replaced.
    pub fn is_word(&self, node: &Node, word: &str) -> bool {
        match (node.content(), &self.origin) {
            (Content::String(text), Origin::Json) => text == word,
            (Content::String(text), Origin::File { env, .. }) => {
                environment::expand(text, env).is_ok_and(|text| text == word)
            }
            _ => false,
        }
    }

    /// Reads a text, with references to the environment replaced. Any other value is refused: it is not `expected`.
    pub fn text<'n>(&mut self, node: &'n Node, expected: &str) -> Option<Cow<'n, str>> {
        let Content::String(text) = node.content() else {
            self.refuse(node, expected);
            return None;
        };
        let Origin::File { env, .. } = self.origin else { return Some(Cow::Borrowed(text)) };
        match environment::expand(text, env) {
            Ok(text) => Some(text),
            Err(bad) => {
                let fault = match bad {
                    ReferenceError::Unset(name) => self
                        .fault(node, format!("the environment has no {name}"))
                        .expecting("a variable that is set; \"$${\" stands for \"${\" itself"),
                    ReferenceError::Malformed => self
                        .fault(node, format!("found {}, no reference to the environment", node.shown()))
                        .expecting("\"${NAME}\"; \"$${\" stands for \"${\" itself"),
                };
                self.push(fault);
                None
            }
        }
    }

    /// Reads a text that `read` accepts.
    pub fn parsed<T>(
        &mut self,
        node: &Node,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(node, expected)?;
        let value = read(&text);
        if value.is_none() {
            self.refuse(node, expected);
        }
        value
    }

    /// Reads a text with units that `read` accepts. If only the names of the units are wrong, the fault names the right
    /// ones.
    pub(super) fn quantity<T>(
        &mut self,
        node: &Node,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(node, expected)?;
        let value = read(&text);
        if value.is_none() {
            let near =
                Some(usual_units(&text)).filter(|guess| as_written(node, &text) && read(guess).is_some());
            let found = format!("found {}", node.shown());
            let fault = self.fault(node, found).expecting(expected).nearest_to(near);
            self.push(fault);
        }
        value
    }

    /// Reads one of these words; a wrong one is refused with the nearest of them.
    pub fn word<T: Clone>(&mut self, node: &Node, words: &[(&str, T)], expected: &str) -> Option<T> {
        let text = self.text(node, expected)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(value.clone());
        }
        let near = nearest(&text, words.iter().map(|(word, _)| *word)).filter(|_| as_written(node, &text));
        let fault = self.fault(node, format!("found {}", node.shown())).expecting(expected).nearest_to(near);
        self.push(fault);
        None
    }

    /// Reads a whole number in this range.
    pub fn integer(&mut self, node: &Node, range: RangeInclusive<i128>, expected: &str) -> Option<i128> {
        match node.content() {
            Content::Integer(value) if range.contains(value) => Some(*value),
            _ => {
                self.refuse(node, expected);
                None
            }
        }
    }

    /// Returns the location of this value.
    pub fn location(&self, node: &Node) -> Location {
        self.location_of(node.bytes.clone())
    }

    fn location_of(&self, bytes: Option<Range<usize>>) -> Location {
        match (&self.origin, bytes) {
            (Origin::File { source, .. }, Some(bytes)) => source.location(bytes),
            _ => Location::Json { pointer: self.pointer() },
        }
    }

    /// Returns the keys that lead to the value being read: `policy.careful.retry`, `listener[0].listen`.
    pub fn path(&self) -> String {
        let mut out = String::new();
        for step in &self.path {
            let _ = match step {
                PathSegment::Index(index) => write!(out, "[{index}]"),
                PathSegment::Key(key) => {
                    let dot = if out.is_empty() { "" } else { "." };
                    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
                    if !key.is_empty() && key.bytes().all(bare) {
                        write!(out, "{dot}{key}")
                    } else {
                        write!(out, "{dot}{key:?}")
                    }
                }
            };
        }
        out
    }

    fn pointer(&self) -> String {
        let mut out = String::new();
        for step in &self.path {
            let _ = match step {
                PathSegment::Index(index) => write!(out, "/{index}"),
                PathSegment::Key(key) => write!(out, "/{}", key.replace('~', "~0").replace('/', "~1")),
            };
        }
        out
    }
}
