//! JSON Schema (draft 2020-12) of what the readers take.

use crate::Shape;
use serde_json::{Map, Value, json};

/// Matches a text that refers to the environment, which no pattern can judge.
const REFERENCE: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*\}";

/// Schemas that are used more than once, and where they are found.
#[derive(Clone, Debug)]
pub struct Schemas {
    prefix: &'static str,
    definitions: Map<String, Value>,
}

impl Schemas {
    /// None yet; references begin with `prefix` (`"#/$defs/"`, or `"#/components/schemas/"` in an OpenAPI document).
    pub fn new(prefix: &'static str) -> Self {
        Self { prefix, definitions: Map::new() }
    }

    /// A reference to the schema of this name, which `make` makes the first time.
    pub fn define(&mut self, name: &str, make: impl FnOnce() -> Value) -> Value {
        if !self.definitions.contains_key(name) {
            self.definitions.insert(name.to_owned(), make());
        }
        json!({ "$ref": format!("{}{name}", self.prefix) })
    }

    /// A reference to a text of this pattern (without anchors), or one that refers to the environment.
    pub fn text(&mut self, name: &str, description: &str, pattern: &str) -> Value {
        let pattern = format!("^({pattern})$|{REFERENCE}");
        self.define(name, || json!({ "type": "string", "description": description, "pattern": pattern }))
    }

    /// The schema of a key: its type's, with its own description and default.
    pub fn key<T: Shape>(&mut self, description: &str, default: Option<Value>) -> Value {
        let mut schema = T::schema(self);
        if let Value::Object(schema) = &mut schema {
            schema.insert("description".into(), description.into());
            if let Some(default) = default {
                schema.insert("default".into(), default);
            }
        }
        schema
    }

    /// Returns the definitions that the references refer to.
    pub fn into_definitions(self) -> Map<String, Value> {
        self.definitions
    }
}

/// Returns the schema of a value of two forms that `is` tells apart.
///
/// Editors then report the errors of the form that was meant, where `anyOf` would report that none fits, or the errors of
/// each.
pub fn either(is: Value, then: Value, otherwise: Value) -> Value {
    json!({ "if": is, "then": then, "else": otherwise })
}

/// Returns the schema of a text or something else.
pub fn text_or(text: Value, otherwise: Value) -> Value {
    either(json!({ "type": "string" }), text, otherwise)
}

/// Returns the JSON Schema of a document, with everything it refers to.
pub fn schema<T: Shape>(title: &str) -> Value {
    let mut schemas = Schemas::new("#/$defs/");
    let mut out = Map::new();
    out.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    out.insert("title".into(), title.into());
    if let Value::Object(whole) = T::schema(&mut schemas) {
        out.extend(whole);
    }
    out.insert("$defs".into(), Value::Object(schemas.into_definitions()));
    Value::Object(out)
}

/// Joins the lines of a doc comment: lines of a paragraph to one, paragraphs apart.
#[doc(hidden)]
pub fn prose(lines: &[&str]) -> String {
    let mut out = String::new();
    for line in lines.iter().map(|line| line.trim()) {
        if line.is_empty() {
            out.push_str("\n\n");
        } else {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push(' ');
            }
            out.push_str(line);
        }
    }
    out.trim().to_owned()
}
