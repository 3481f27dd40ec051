//! Building blocks of schemas.

use serde_json::{Map, Value, json};

/// The place of the schemas in the document.
pub(super) const PREFIX: &str = "#/components/schemas/";

pub(in crate::admin::openapi) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("{PREFIX}{name}") })
}

/// Every key is always there; there are no others.
pub(super) fn object<const N: usize>(keys: [(&str, Value); N]) -> Value {
    let required: Vec<Value> = keys.iter().map(|(name, _)| (*name).into()).collect();
    let properties: Map<String, Value> =
        keys.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

pub(super) fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

pub(super) fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn flag() -> Value {
    json!({ "type": "boolean" })
}

pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

pub(super) fn number() -> Value {
    json!({ "type": "number", "minimum": 0 })
}

pub(super) fn part() -> Value {
    json!({ "type": "number", "minimum": 0, "maximum": 1 })
}

pub(super) fn one_of(words: &[&str]) -> Value {
    json!({ "enum": words })
}

pub(super) fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}
