//! The trait of all values in the file, and the values made of others.

use crate::{
    Diagnostic, Location, Node, Reader, Schemas,
    name::Name,
    node::{Content, Table},
    schema::either,
};
use serde_json::{Map, Value, json};
use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Deref};

/// The form of a type in the file: one description that reads it, writes it, and documents it.
///
/// `T::read(T::write(value)) == value` for every value that [`Shape::read`] can return.
pub trait Shape: Sized {
    /// Returns a description with an example that completes the sentence "expected …".
    fn expected() -> Cow<'static, str>;

    /// Reads a value. `None` only after a fault was given to `reader`.
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self>;

    /// Returns the JSON Schema (draft 2020-12) of the values that [`Shape::read`] accepts.
    fn schema(schemas: &mut Schemas) -> Value;

    /// Returns the value as the file has it.
    fn write(&self) -> Value;
}

/// `None` is written `"off"`.
impl<T: Shape> Shape for Option<T> {
    fn expected() -> Cow<'static, str> {
        format!("\"off\" or {}", T::expected()).into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if reader.is_word(node, "off") {
            return Some(None);
        }
        let from = reader.faults();
        let value = T::read(node, reader);
        let near = sounds_off(node.content()).then_some("off");
        reader.widen(from, &T::expected(), &Self::expected(), near);
        value.map(Some)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let off = json!({ "const": "off" });
        either(json!({ "not": off }), T::schema(schemas), off)
    }

    fn write(&self) -> Value {
        self.as_ref().map_or_else(|| "off".into(), T::write)
    }
}

/// Returns whether this was probably meant as "off".
fn sounds_off(content: &Content) -> bool {
    match content {
        Content::Bool(on) => !on,
        Content::Integer(number) => *number == 0,
        Content::String(text) => {
            ["of", "Off", "OFF", "no", "none", "never", "false", "0", "0s"].contains(&text.as_str())
        }
        _ => false,
    }
}

/// A list of any length.
impl<T: Shape> Shape for Vec<T> {
    fn expected() -> Cow<'static, str> {
        format!("a list, each item {}", T::expected()).into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Content::Array(items) = node.content() else {
            reader.refuse(node, &Self::expected());
            return None;
        };
        // Every bad item is reported, not only the first.
        let read: Vec<_> = items.iter().enumerate().map(|(at, item)| reader.index(at, item)).collect();
        read.into_iter().collect()
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "type": "array", "items": T::schema(schemas) })
    }

    fn write(&self) -> Value {
        self.iter().map(T::write).collect()
    }
}

/// A list of at least one item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NonEmpty<T>(Vec<T>);

impl<T> NonEmpty<T> {
    /// Creates a list; `None` if it is empty.
    pub fn new(items: Vec<T>) -> Option<Self> {
        (!items.is_empty()).then_some(Self(items))
    }

    /// Returns the items.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T> Deref for NonEmpty<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Shape> Shape for NonEmpty<T> {
    fn expected() -> Cow<'static, str> {
        format!("a list of at least one, each item {}", T::expected()).into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.list(node, false, &Self::expected()).map(Self)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "type": "array", "minItems": 1, "items": T::schema(schemas) })
    }

    fn write(&self) -> Value {
        self.0.write()
    }
}

/// A table whose keys are names that the user chooses: `[policy.NAME]`.
impl<T: Shape> Shape for BTreeMap<Name, T> {
    fn expected() -> Cow<'static, str> {
        "a table of names".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(table) = node.as_table() else {
            reader.refuse(node, &Self::expected());
            return None;
        };
        read_names(table, reader)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "type": "object", "propertyNames": Name::schema(schemas), "additionalProperties": T::schema(schemas) })
    }

    fn write(&self) -> Value {
        let entries = self.iter().map(|(name, value)| (name.to_string(), value.write()));
        Value::Object(entries.collect::<Map<_, _>>())
    }
}

fn read_names<T: Shape>(table: &Table, reader: &mut Reader<'_>) -> Option<BTreeMap<Name, T>> {
    let mut sound = true;
    let mut map = BTreeMap::new();
    for entry in table.entries() {
        let value = reader.key(&entry.key, &entry.value);
        match (Name::try_from(entry.key.as_str()), value) {
            (Ok(name), Some(value)) => {
                map.insert(name, value);
            }
            (Ok(_), None) => sound = false,
            (Err(invalid), _) => {
                let fault = reader.fault_at_key(entry, format!("found {}", invalid.found));
                reader.push(fault.expecting(invalid.expected));
                sound = false;
            }
        }
    }
    sound.then_some(map)
}

/// A value with its location, so that a fault found later (an unknown name, an address that is used twice) can be reported
/// there.
///
/// Two are equal when their values are equal, whatever their locations.
#[derive(Clone)]
pub struct Located<T> {
    value: T,
    location: Location,
    path: String,
    shown: String,
}

impl<T> Located<T> {
    /// Returns the value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// Returns the value without its location.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Returns the location.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Returns the keys that lead to the value, dotted.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the value as it was written, short and on one line. A fault may quote it, since a reference to the
    /// environment stays a reference.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Creates a fault at the value's location. The problem may quote the value only as [`Located::shown`].
    pub fn fault(&self, problem: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.location.clone(), self.path.clone(), problem)
    }
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Located<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Shape> Shape for Located<T> {
    fn expected() -> Cow<'static, str> {
        T::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let value = T::read(node, reader)?;
        Some(Self { value, location: reader.location(node), path: reader.path(), shown: node.shown() })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        T::schema(schemas)
    }

    fn write(&self) -> Value {
        self.value.write()
    }
}
