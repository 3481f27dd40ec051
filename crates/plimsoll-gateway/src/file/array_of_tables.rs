//! Arrays of tables: `[[listener]]`, `[[route]]`.

use plimsoll::config::{Node, Reader, Schemas, Shape};
use serde_json::{Value, json};
use std::borrow::Cow;

/// A table of an array of tables.
pub(super) trait Entry: Shape {
    /// The header in the file. One pair of brackets instead of two is a usual mistake.
    const HEADER: &'static str;
}

/// An array of at least `LEAST` tables (0 or 1).
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ArrayOfTables<T, const LEAST: usize>(pub(super) Vec<T>);

impl<T: Entry, const LEAST: usize> Shape for ArrayOfTables<T, LEAST> {
    fn expected() -> Cow<'static, str> {
        let least = if LEAST == 0 { "any number of" } else { "at least one" };
        format!("{least} {}", T::HEADER).into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.list(node, LEAST == 0, &Self::expected()).map(Self)
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
