//! The path and the kind of a body's difference from its type.
//!
//! A refused body is read once more with wrapped serializers of serde: they record the path, and take errors before a format
//! turns them into text. The result names the type's own fields and expectations, and nothing of the body.

mod access;
mod complaint;
mod deserializer;
mod visitor;

use super::error::TypeMismatch;
use complaint::Complaint;
use serde::{Deserialize, Deserializer, de};
use std::{
    cell::{Cell, RefCell},
    fmt::Write,
};

/// Reads a `T` from a body that was refused, and returns the difference.
pub(super) fn mismatch<'de, T: Deserialize<'de>, D: Deserializer<'de>>(reader: D) -> TypeMismatch {
    let trace = Trace::default();
    if let Err(complaint) = T::deserialize(Traced::new(reader, &trace, 0)) {
        trace.note(complaint);
    }
    trace.into_mismatch()
}

/// A step of the path.
#[derive(Clone, Copy, Debug)]
enum Step {
    Field(&'static str),
    // A key of a map, which is part of the body.
    Key,
    Item(usize),
}

#[derive(Default, Debug)]
struct Trace {
    steps: RefCell<Vec<Step>>,
    what: RefCell<Option<String>>,
    // The field that the last key named, if the type has it.
    field: Cell<Option<&'static str>>,
}

impl Trace {
    /// Goes down a step from this depth. Errors of deeper steps were handled by the type.
    fn enter(&self, depth: usize, step: Step) {
        let mut steps = self.steps.borrow_mut();
        steps.truncate(depth);
        steps.push(step);
        *self.what.borrow_mut() = None;
    }

    /// Goes back up after success. After an error there is no such call, so its path stays.
    fn leave(&self, depth: usize) {
        self.steps.borrow_mut().truncate(depth);
    }

    fn note(&self, complaint: Complaint) {
        if let Some(what) = complaint.0 {
            *self.what.borrow_mut() = Some(what);
        }
    }

    /// Keeps the error's text; the format's error replaces it on the way up.
    fn keep<E: de::Error>(&self, complaint: Complaint) -> E {
        self.note(complaint);
        E::custom("")
    }

    fn into_mismatch(self) -> TypeMismatch {
        let mut path = String::new();
        for step in self.steps.into_inner() {
            let dot = if path.is_empty() { "" } else { "." };
            // Writing into a string cannot fail.
            let _ = match step {
                Step::Field(name) => write!(path, "{dot}{name}"),
                Step::Key => write!(path, "{dot}*"),
                Step::Item(index) => write!(path, "[{index}]"),
            };
        }
        TypeMismatch { path, what: self.what.into_inner().unwrap_or_default() }
    }
}

/// A wrapper of any part of serde's data model.
#[derive(Clone, Copy, Debug)]
struct Traced<'t, T> {
    inner: T,
    trace: &'t Trace,
    depth: usize,
    // Names that a key may have; none outside of structures.
    fields: &'static [&'static str],
}

impl<'t, T> Traced<'t, T> {
    const fn new(inner: T, trace: &'t Trace, depth: usize) -> Self {
        Self { inner, trace, depth, fields: &[] }
    }

    /// Wraps another part, at the same position.
    fn with<U>(&self, inner: U) -> Traced<'t, U> {
        Traced { inner, trace: self.trace, depth: self.depth, fields: self.fields }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;
    use std::collections::HashMap;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Order {
        items: Vec<Item>,
        notes: Option<HashMap<String, u8>>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Item {
        sku: String,
        pieces: u32,
        way: Option<Way>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    enum Way {
        Ship,
        Truck { wheels: u8 },
        Pair(u8, u8),
    }

    fn found<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
        assert!(serde_json::from_str::<T>(text).is_err(), "{text} is no mismatch");
        let mismatch = mismatch::<T, _>(&mut serde_json::Deserializer::from_str(text));
        assert!(!mismatch.to_string().contains("hunter2"), "{mismatch}");
        mismatch.to_string()
    }

    fn item(fields: &str) -> String {
        found::<Order>(&format!(r#"{{"items":[{{"sku":"a","pieces":1}},{{"sku":"hunter2",{fields}}}]}}"#))
    }

    #[test]
    fn the_way_down_is_named() {
        assert_eq!(item(r#""pieces":"hunter2""#), "has something other than u32 at items[1].pieces");
        assert_eq!(item(r#""pieces":-7"#), "has something other than u32 at items[1].pieces");
        assert_eq!(item(r#""way":null"#), "is missing the field `pieces` at items[1]");
        assert_eq!(item(r#""pieces":1,"pieces":2"#), "has the field `pieces` twice at items[1]");
        assert_eq!(
            item(r#""pieces":1,"way":"hunter2""#),
            "has none of `Ship`, `Truck`, `Pair` at items[1].way"
        );
        let truck = item(r#""pieces":1,"way":{"Truck":{"wheels":[]}}"#);
        assert_eq!(truck, "has something other than u8 at items[1].way.wheels");
        assert!(item(r#""pieces":1,"way":{"Pair":[1]}"#).ends_with("at items[1].way"));
    }

    #[test]
    fn keys_of_the_body_are_not() {
        assert_eq!(found::<Order>(r#"{"items":[],"hunter2":1}"#), "has a field other than `items`, `notes`",);
        assert_eq!(
            found::<Order>(r#"{"items":[],"notes":{"hunter2":"x"}}"#),
            "has something other than u8 at notes.*",
        );
    }

    #[test]
    fn the_top_has_no_way() {
        assert_eq!(found::<Order>("7"), "has something other than struct Order");
        assert_eq!(found::<Vec<u8>>(r#"{"hunter2":1}"#), "has something other than a sequence");
    }

    #[test]
    fn words_of_the_type_itself_are_not_repeated() {
        #[derive(Debug)]
        struct Email(());
        impl<'de> Deserialize<'de> for Email {
            fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
                let text = String::deserialize(reader)?;
                Err(de::Error::custom(format!("{text} is no address")))
            }
        }
        let fault = found::<Vec<Email>>(r#"["hunter2"]"#);
        assert_eq!(fault, "has another form than expected at [0]");
    }
}
