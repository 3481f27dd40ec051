//! `[[listener]]`, `[[route]]`: tables that stand one after the other.

use plimsoll::config::{Content, Node, Reader, Schemas, Shape};
use serde_json::{Value, json};
use std::borrow::Cow;

/// A table of which there may be several.
pub(super) trait Entry: Shape {
    /// As it begins in the file. One pair of brackets in the place of two is the slip that everyone makes once.
    const HEADER: &'static str;
}

/// At least `LEAST` of them (0 or 1).
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Listed<T, const LEAST: usize>(pub(super) Vec<T>);

impl<T: Entry, const LEAST: usize> Shape for Listed<T, LEAST> {
    fn expected() -> Cow<'static, str> {
        let least = if LEAST == 0 { "any number of" } else { "at least one" };
        format!("{least} {}", T::HEADER).into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match node.content() {
            Content::Array(items) if items.len() < LEAST => {
                let fault = reader.fault(node, "found an empty list").expecting(Self::expected());
                reader.push(fault);
                None
            }
            Content::Array(_) => Vec::read(node, reader).map(Self),
            _ => {
                reader.refuse(node, &Self::expected());
                None
            }
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let mut schema = json!({ "type": "array", "items": T::schema(schemas) });
        if LEAST > 0 {
            schema["minItems"] = LEAST.into();
        }
        schema
    }

    fn write(&self) -> Value {
        self.0.write()
    }
}
