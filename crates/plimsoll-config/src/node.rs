//! The values of a document before they are interpreted.

use std::ops::Range;

/// A value and its location.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    pub(super) content: Content,
    /// The bytes of the file; `None` for a value that came as JSON.
    pub(super) bytes: Option<Range<usize>>,
}

/// The content of a value.
#[derive(Clone, PartialEq, Debug)]
pub enum Content {
    /// Keys and values.
    Table(Table),
    /// Values in order.
    Array(Vec<Node>),
    /// A text as it is written, references to the environment included.
    String(String),
    /// A whole number. TOML's are within 64 bits; wider ones are refused later as out of any range.
    Integer(i128),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A date or a time, which no key takes.
    Datetime(String),
    /// JSON's null, which no key takes.
    Null,
}

impl Node {
    /// Converts a JSON value; its locations are JSON pointers.
    pub fn from_json(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(value) => Content::Bool(*value),
            Value::String(text) => Content::String(text.clone()),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(integer), _) => Content::Integer(integer.into()),
                (None, Some(integer)) => Content::Integer(integer.into()),
                (None, None) => Content::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::Array(items) => Content::Array(items.iter().map(Self::from_json).collect()),
            Value::Object(entries) => Content::Table(Table::new(
                entries
                    .iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        key_bytes: None,
                        value: Self::from_json(value),
                    })
                    .collect(),
            )),
        };
        Self { content, bytes: None }
    }

    /// Returns the content.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Returns the table, if the value is one.
    pub fn as_table(&self) -> Option<&Table> {
        match &self.content {
            Content::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Returns the value as a fault quotes it: short, on one line, and as written (a reference to the environment stays a
    /// reference).
    pub(super) fn shown(&self) -> String {
        const MOST: usize = 48;
        match &self.content {
            Content::Table(_) => "a table".into(),
            Content::Array(_) => "an array".into(),
            Content::String(text) if text.chars().count() > MOST => {
                format!("{:?}", text.chars().take(MOST).chain(['…']).collect::<String>())
            }
            Content::String(text) => format!("{text:?}"),
            Content::Integer(value) => value.to_string(),
            Content::Float(value) => value.to_string(),
            Content::Bool(value) => value.to_string(),
            Content::Datetime(text) => text.clone(),
            Content::Null => "null".into(),
        }
    }
}

/// Keys and values in the order of the document.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table {
    entries: Vec<Entry>,
}

/// A key, its location, and its value.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    pub(super) key_bytes: Option<Range<usize>>,
    /// Its value.
    pub value: Node,
}

impl Table {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// Returns the value of a key. O(entries).
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Returns all entries, in the order of the document.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
