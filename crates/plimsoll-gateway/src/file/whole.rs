//! The whole file: its sections, and what must hold between them.

use super::{between, outline::Outline, sections::Sections};
use crate::spec::GatewaySpec;
use plimsoll::config::{Fault, Node, Reader, Schemas, Shape};
use serde_json::Value;
use std::borrow::Cow;

/// A gateway that can be run, and what is odd about it.
pub(super) struct Whole {
    pub(super) spec: GatewaySpec,
    pub(super) warnings: Vec<Fault>,
}

impl Shape for Whole {
    fn expected() -> Cow<'static, str> {
        Sections::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let before = reader.faults();
        let sections = Sections::read(node, reader);
        // What is wrong in a value is told by both readings in the same words, and shown once.
        let outline = Outline::read(node, reader)?;
        for fault in between::faults(&outline) {
            reader.push(fault);
        }
        let spec = sections.filter(|_| reader.faults() == before)?.into();
        Some(Self { spec, warnings: between::warnings(&outline) })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Sections::schema(schemas)
    }

    fn write(&self) -> Value {
        Sections::from(&self.spec).write()
    }
}
