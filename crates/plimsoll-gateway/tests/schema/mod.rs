//! As much of JSON Schema as the admin API's description uses; any other keyword is a panic, so that nothing is passed
//! over.

use serde_json::Value;

/// Everything that is wrong with `value` under `schema`; references lead into `root`.
pub(crate) fn faults(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let Some(schema) = schema.as_object() else { return Vec::new() };
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("{at}: {what}"));
    let mut below = Vec::new();
    for (keyword, rule) in schema {
        match &**keyword {
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                let target = root.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"));
                below.extend(self::faults(root, target, value, at));
            }
            "type" => {
                let fits = match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    "number" => value.is_number(),
                    "integer" => value.is_i64() || value.is_u64(),
                    other => panic!("type {other}"),
                };
                if !fits {
                    fault(format!("{value} is no {rule}"));
                }
            }
            "const" if value != rule => fault(format!("{value} is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => {
                fault(format!("{value} is none of {rule}"));
            }
            "minimum" if value.as_f64().is_some_and(|value| value < rule.as_f64().unwrap()) => {
                fault(format!("{value} is below {rule}"));
            }
            "maximum" if value.as_f64().is_some_and(|value| value > rule.as_f64().unwrap()) => {
                fault(format!("{value} is above {rule}"));
            }
            "required" => {
                for key in rule.as_array().unwrap().iter().filter_map(Value::as_str) {
                    if value.is_object() && value.get(key).is_none() {
                        fault(format!("there is no {key:?}"));
                    }
                }
            }
            "properties" => {
                for (key, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        below.extend(self::faults(root, rule, value, &format!("{at}/{key}")));
                    }
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let others = value.as_object().into_iter().flatten();
                for (key, value) in
                    others.filter(|(key, _)| !known.is_some_and(|known| known.contains_key(*key)))
                {
                    if rule == &Value::Bool(false) {
                        fault(format!("{key:?} is not described"));
                    } else {
                        below.extend(self::faults(root, rule, value, &format!("{at}/{key}")));
                    }
                }
            }
            "items" => {
                for (nth, value) in value.as_array().into_iter().flatten().enumerate() {
                    below.extend(self::faults(root, rule, value, &format!("{at}/{nth}")));
                }
            }
            "minItems"
                if value.as_array().is_some_and(|items| (items.len() as u64) < rule.as_u64().unwrap()) =>
            {
                fault(format!("fewer than {rule}"));
            }
            "if" => {
                let form = if self::faults(root, rule, value, at).is_empty() { "then" } else { "else" };
                below.extend(self::faults(root, &schema[form], value, at));
            }
            "not" if self::faults(root, rule, value, at).is_empty() => {
                fault(format!("{value} is not allowed"));
            }
            "anyOf" => {
                let each: Vec<_> =
                    rule.as_array().unwrap().iter().map(|rule| self::faults(root, rule, value, at)).collect();
                if each.iter().all(|faults| !faults.is_empty()) {
                    fault(format!("fits none: {}", each.concat().join(" | ")));
                }
            }
            "const" | "enum" | "minimum" | "maximum" | "minItems" | "minLength" | "pattern" | "format"
            | "propertyNames" | "then" | "else" | "not" | "description" | "default" | "writeOnly"
            | "title" => {}
            other => panic!("the keyword {other:?} at {at}"),
        }
    }
    faults.extend(below);
    faults
}
