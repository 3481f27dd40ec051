//! Tables with known keys.

use crate::{Content, Diagnostic, Node, Reader, Schemas, Shape, name::nearest, node::Table};
use serde_json::{Map, Value, json};

/// The rules between the keys of one section, beyond those of each key's type.
///
/// Every section implements it, even without rules: `impl Rules for Listener {}`.
pub trait Rules {
    /// Checks the section once every key has been read: gives faults to `section`, and may adjust a value that was not
    /// [given](Section::given) to those that were.
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        let _ = section;
    }
}

/// A table being read: unknown keys have been reported, known ones are read by name.
#[derive(Debug)]
pub struct Section<'n, 'd> {
    node: &'n Node,
    table: &'n Table,
    reader: &'n mut Reader<'d>,
    faults_before: usize,
}

impl<'n, 'd> Section<'n, 'd> {
    /// The expectation of a fault where a section was expected.
    pub const EXPECTED: &'static str = "a table";

    /// Begins to read a table with these keys. Every other key is a fault that names the nearest of these.
    pub fn open<K: AsRef<str>>(node: &'n Node, reader: &'n mut Reader<'d>, keys: &[K]) -> Option<Self> {
        let faults_before = reader.faults();
        let Some(table) = node.as_table() else {
            reader.refuse(node, Self::EXPECTED);
            return None;
        };
        for entry in table.entries() {
            if keys.iter().any(|key| key.as_ref() == entry.key) {
                continue;
            }
            let near = nearest(&entry.key, keys.iter().map(AsRef::as_ref));
            let fault = reader.fault_at_key(entry, format!("unknown key {:?}", entry.key));
            reader.push(fault.expecting(one_of(keys)).nearest_to(near));
        }
        Some(Self { node, table, reader, faults_before })
    }

    /// Reads the value of a required key.
    pub fn required<T: Shape>(&mut self, key: &str) -> Option<T> {
        let Some(node) = self.table.get(key) else {
            let fault = self.reader.fault(self.node, format!("missing key {key:?}"));
            self.reader.push(fault.expecting(T::expected()));
            return None;
        };
        self.reader.key(key, node)
    }

    /// Reads the value of a key, or returns its default.
    pub fn or_else<T: Shape>(&mut self, key: &str, default: impl FnOnce() -> T) -> Option<T> {
        match self.table.get(key) {
            Some(node) => self.reader.key(key, node),
            None => Some(default()),
        }
    }

    /// Reads the value of an optional key; `Some(None)` if it is absent.
    pub fn optional<T: Shape>(&mut self, key: &str) -> Option<Option<T>> {
        match self.table.get(key) {
            Some(node) => self.reader.key(key, node).map(Some),
            None => Some(None),
        }
    }

    /// Returns whether the document has the key at the end of this path.
    pub fn given(&self, keys: &[&str]) -> bool {
        self.find(keys).is_some()
    }

    /// Creates a fault at the value at the end of this path, or at the innermost table on it that exists.
    pub fn fault(&mut self, keys: &[&str], problem: impl Into<String>) -> Diagnostic {
        for depth in (0..=keys.len()).rev() {
            if let Some(node) = self.find(&keys[..depth]) {
                return self.reader.fault_below(keys, node, problem);
            }
        }
        self.reader.fault(self.node, problem)
    }

    /// Returns the value at the end of this path as a fault may show it: as it is, or as the reference it was written as.
    pub fn shown(&self, keys: &[&str], value: impl std::fmt::Display) -> String {
        match self.find(keys).map(Node::content) {
            Some(Content::String(text)) if text.contains("${") => text.clone(),
            _ => value.to_string(),
        }
    }

    /// Adds a fault.
    pub fn push(&mut self, fault: Diagnostic) {
        self.reader.push(fault);
    }

    /// Returns whether this section has no fault.
    pub fn is_sound(&self) -> bool {
        self.reader.faults() == self.faults_before
    }

    fn find(&self, keys: &[&str]) -> Option<&'n Node> {
        keys.iter().try_fold(self.node, |node, key| node.as_table()?.get(key))
    }
}

/// `"a", "b" or "c"`.
#[doc(hidden)]
pub fn one_of<K: AsRef<str>>(words: &[K]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("{:?}", word.as_ref())).collect();
    match quoted.as_slice() {
        [] => "nothing".into(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The schema of a section, built key by key.
#[doc(hidden)]
#[derive(Debug)]
pub struct SectionSchema<'s> {
    schemas: &'s mut Schemas,
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl<'s> SectionSchema<'s> {
    #[doc(hidden)]
    pub fn new(schemas: &'s mut Schemas) -> Self {
        Self { schemas, properties: Map::new(), required: Vec::new() }
    }

    #[doc(hidden)]
    pub fn key<T: Shape>(&mut self, key: &str, description: &str, default: Option<Value>) {
        let schema = self.schemas.key::<T>(description, default);
        self.properties.insert(key.to_owned(), schema);
    }

    #[doc(hidden)]
    pub fn required<T: Shape>(&mut self, key: &str, description: &str) {
        self.key::<T>(key, description, None);
        self.required.push(key.into());
    }

    #[doc(hidden)]
    pub fn close(self, description: &str) -> Value {
        let mut schema = json!({
            "type": "object",
            "description": description,
            "properties": self.properties,
            "additionalProperties": false,
        });
        if !self.required.is_empty() {
            schema["required"] = self.required.into();
        }
        schema
    }
}
