//! Tables with known keys.

use crate::{Content, Fault, Node, Reader, Schemas, Shape, name::nearest, node::Table};
use serde_json::{Map, Value, json};

/// What must hold between the keys of one section, beyond what each key's type says.
///
/// Every section has it, be it empty: `impl Rules for Listener {}`.
pub trait Rules {
    /// Called once every key has been read. Gives faults to `section`, and may fit a value that was not
    /// [given](Section::given) to those that were.
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        let _ = section;
    }
}

/// A table being read: unknown keys have been told, known ones are asked for by name.
#[derive(Debug)]
pub struct Section<'n, 'd> {
    node: &'n Node,
    table: &'n Table,
    reader: &'n mut Reader<'d>,
    faults_before: usize,
}

impl<'n, 'd> Section<'n, 'd> {
    /// What the place of a section takes.
    pub const EXPECTED: &'static str = "a table";

    /// Begins to read a table with these keys. Every other key is a fault, with the nearest of these.
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

    /// The value of a key that must be there.
    pub fn required<T: Shape>(&mut self, key: &str) -> Option<T> {
        let Some(node) = self.table.get(key) else {
            let fault = self.reader.fault(self.node, format!("missing key {key:?}"));
            self.reader.push(fault.expecting(T::expected()));
            return None;
        };
        self.reader.key(key, node)
    }

    /// The value of a key, or what it is when left out.
    pub fn or_else<T: Shape>(&mut self, key: &str, default: impl FnOnce() -> T) -> Option<T> {
        match self.table.get(key) {
            Some(node) => self.reader.key(key, node),
            None => Some(default()),
        }
    }

    /// The value of a key that may be left out: `Some(None)`.
    pub fn optional<T: Shape>(&mut self, key: &str) -> Option<Option<T>> {
        match self.table.get(key) {
            Some(node) => self.reader.key(key, node).map(Some),
            None => Some(None),
        }
    }

    /// Whether the key at the end of this way stands in the document.
    pub fn given(&self, keys: &[&str]) -> bool {
        self.find(keys).is_some()
    }

    /// A fault at the value of the key at the end of this way, or at the innermost table on it that is there.
    pub fn fault(&mut self, keys: &[&str], problem: impl Into<String>) -> Fault {
        for depth in (0..=keys.len()).rev() {
            if let Some(node) = self.find(&keys[..depth]) {
                return self.reader.fault_below(keys, node, problem);
            }
        }
        self.reader.fault(self.node, problem)
    }

    /// How a fault may show the value at the end of this way: as it is, or as the reference that it was written as.
    pub fn shown(&self, keys: &[&str], value: impl std::fmt::Display) -> String {
        match self.find(keys).map(Node::content) {
            Some(Content::String(text)) if text.contains("${") => text.clone(),
            _ => value.to_string(),
        }
    }

    /// Remembers a fault.
    pub fn push(&mut self, fault: Fault) {
        self.reader.push(fault);
    }

    /// Whether nothing in this section was wrong.
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

/// A section's schema, key by key.
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
