//! Whether a value is valid under the JSON Schema.

use serde_json::{Value, json};

/// Whether `value` is valid under `schema`, for the keywords that this schema uses. Panics on any other, lest a schema
/// be thought checked that was not.
pub(super) fn valid(root: &Value, schema: &Value, value: &Value) -> bool {
    let Value::Object(keywords) = schema else { return schema == &json!(true) };
    keywords.iter().all(|(keyword, argument)| holds(root, schema, keyword, argument, value))
}

fn holds(root: &Value, schema: &Value, keyword: &str, argument: &Value, value: &Value) -> bool {
    let below = |schema: &Value, value: &Value| valid(root, schema, value);
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let entries = || value.as_object().into_iter().flatten();
    let text = value.as_str();
    match keyword {
        "$schema" | "$defs" | "title" | "description" | "default" | "writeOnly" | "then" | "else" => true,
        "$ref" => {
            let pointer = argument.as_str().and_then(|reference| reference.strip_prefix('#')).unwrap();
            below(root.pointer(pointer).expect("a reference leads somewhere"), value)
        }
        "if" => below(&schema[if below(argument, value) { "then" } else { "else" }], value),
        "not" => !below(argument, value),
        "const" => argument == value,
        "enum" => argument.as_array().unwrap().contains(value),
        "type" => match argument.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            other => panic!("the test does not know the type {other}"),
        },
        "required" => {
            let keys = argument.as_array().unwrap().iter().filter_map(Value::as_str);
            !value.is_object() || keys.into_iter().all(|key| value.get(key).is_some())
        }
        "properties" => {
            entries().all(|(key, value)| argument.get(key).is_none_or(|schema| below(schema, value)))
        }
        "additionalProperties" => {
            let mut others = entries().filter(|(key, _)| schema["properties"].get(key).is_none());
            if argument == &json!(false) {
                others.next().is_none()
            } else {
                others.all(|(_, value)| below(argument, value))
            }
        }
        "propertyNames" => entries().all(|(key, _)| below(argument, &json!(key))),
        "items" => items.iter().all(|item| below(argument, item)),
        "minItems" => !value.is_array() || items.len() as u64 >= argument.as_u64().unwrap(),
        "minLength" => text.is_none_or(|text| text.chars().count() as u64 >= argument.as_u64().unwrap()),
        "pattern" => {
            let pattern = regex_lite::Regex::new(argument.as_str().unwrap()).expect("a pattern");
            text.is_none_or(|text| pattern.is_match(text))
        }
        "minimum" => value.as_f64().is_none_or(|value| value >= argument.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|value| value <= argument.as_f64().unwrap()),
        other => panic!("the test does not know the keyword {other}"),
    }
}
