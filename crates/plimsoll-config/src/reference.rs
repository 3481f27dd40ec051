//! The reference page, made from the schema.

use serde_json::Value;
use std::fmt::Write;

/// Returns every key of a [schema](crate::schema()) as a Markdown table: key, accepted values, default, description.
///
/// Keys of tables within tables are dotted; a name that the user chooses is `NAME`, a list's items are `[]`.
pub fn reference(schema: &Value) -> String {
    let mut out = String::from("| key | takes | default | |\n| --- | --- | --- | --- |\n");
    rows(schema, schema, "", &mut out);
    out
}

fn rows(root: &Value, schema: &Value, prefix: &str, out: &mut String) {
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        let required =
            schema["required"].as_array().is_some_and(|all| all.contains(&Value::from(key.as_str())));
        let default = match &value["default"] {
            _ if required => "required".to_owned(),
            Value::Null => String::new(),
            Value::Object(entries) if entries.is_empty() => "none".to_owned(),
            Value::Object(_) => "as below".to_owned(),
            default => format!("`{default}`"),
        };
        let description = value["description"].as_str().unwrap_or_default().replace('\n', " ");
        let _ = writeln!(out, "| `{path}` | {} | {default} | {} |", takes(root, value), cell(&description));
        within(root, value, &path, out);
    }
}

/// Adds the keys below a value, in all of its forms.
fn within(root: &Value, value: &Value, path: &str, out: &mut String) {
    rows(root, value, path, out);
    if value["items"].is_object() {
        within(root, &value["items"], &format!("{path}[]"), out);
    }
    if value["additionalProperties"].is_object() {
        within(root, &value["additionalProperties"], &format!("{path}.NAME"), out);
    }
    if let Some(forms) = forms(value) {
        for form in forms {
            within(root, form, path, out);
        }
    }
}

/// Returns the two forms of a value that has them.
fn forms(value: &Value) -> Option<[&Value; 2]> {
    value.get("if").map(|_| [&value["then"], &value["else"]])
}

fn takes(root: &Value, value: &Value) -> String {
    if let Some(name) = value["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        let definition = &root["$defs"][name];
        let inner = if forms(definition).is_some() { takes(root, definition) } else { String::new() };
        return if inner.is_empty() { name.to_owned() } else { inner };
    }
    if let Some(forms) = forms(value) {
        return forms.iter().map(|form| takes(root, form)).collect::<Vec<_>>().join(" or ");
    }
    if let Some(words) = value["enum"].as_array() {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    match (&value["const"], value["type"].as_str().unwrap_or_default()) {
        (Value::Null, "object") => "table".into(),
        (Value::Null, "array") => format!("list of {}", takes(root, &value["items"])),
        (Value::Null, "integer" | "number") => match (&value["minimum"], &value["maximum"]) {
            (Value::Null, _) | (_, Value::Null) => "number".into(),
            (low, high) => format!("{low} to {high}"),
        },
        (Value::Null, "string") => "text".into(),
        (Value::Null, other) => other.into(),
        (constant, _) => format!("`{constant}`"),
    }
}

/// Escapes bars, which would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
