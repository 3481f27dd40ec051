//! Changes of a value by JSON merge patch.

use crate::{ConfigError, Schemas, Shape, from_json};
use serde_json::{Map, Value};

/// Applies a JSON merge patch (RFC 7396) to the [written](Shape::write) value and reads the result: with the keys and
/// spellings of the file, `null` for the default, and the same validation.
///
/// The patch applies to the whole value, defaults included: where two keys bound each other, a patch that moves one beyond
/// the other is refused, even if the other was not in a file.
///
/// # Errors
/// With every fault of the result; locations are JSON pointers.
///
/// ```
/// use plimsoll_config::{ConfigError, merge};
/// use plimsoll_policy::PolicySpec;
///
/// let patch = serde_json::json!({ "retry": { "attempts": 2 }, "bulkhead": "off" });
/// let spec = merge(&PolicySpec::default(), &patch)?;
/// assert_eq!(spec.retry.unwrap().attempts.get(), 2);
/// assert_eq!(spec.bulkhead, None);
/// # Ok::<(), ConfigError>(())
/// ```
pub fn merge<T: Shape>(value: &T, patch: &Value) -> Result<T, ConfigError> {
    let mut whole = value.write();
    apply(&mut whole, patch, Some(&T::schema(&mut Schemas::new("#/"))));
    from_json(&whole)
}

/// Applies `patch` to `target`, whose schema is `schema` where it is known. A `null` for an unknown key stays, so that
/// reading the result reports the misspelt key.
fn apply(target: &mut Value, patch: &Value, schema: Option<&Value>) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        let known = schema.map(|schema| below(schema, key));
        if !value.is_null() {
            apply(target.entry(key.as_str()).or_insert(Value::Null), value, known.flatten());
        } else if target.shift_remove(key).is_none() && known == Some(None) {
            target.insert(key.clone(), Value::Null);
        }
    }
}

/// Returns the schema of a key of such a table, if the key is known.
fn below<'s>(schema: &'s Value, key: &str) -> Option<&'s Value> {
    let own = schema.get("properties").and_then(|keys| keys.get(key));
    let named = || schema.get("additionalProperties").filter(|schema| schema.is_object());
    // Either form may have it: the patch may turn one into the other.
    let form = || ["then", "else"].iter().find_map(|form| below(schema.get(form)?, key));
    own.or_else(named).or_else(form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The examples of RFC 7396, appendix A.
    #[test]
    fn patches_as_the_standard_says() {
        for (mut target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            apply(&mut target, &patch, None);
            assert_eq!(target, result, "{patch}");
        }
    }
}
