//! The root of the file: its sections, and the checks between them.

use super::{cross_checks, lenient::LenientFile, sections::Sections};
use crate::spec::GatewaySpec;
use plimsoll::config::{Diagnostic, Node, Reader, Schemas, Shape};
use serde_json::Value;
use std::borrow::Cow;

/// A valid gateway, and the warnings about it.
pub(super) struct Root {
    pub(super) spec: GatewaySpec,
    pub(super) warnings: Vec<Diagnostic>,
}

impl Shape for Root {
    fn expected() -> Cow<'static, str> {
        Sections::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let before = reader.faults();
        let sections = Sections::read(node, reader);
        // Both readings report a wrong value in the same words; it is shown once.
        let file = LenientFile::read(node, reader)?;
        for fault in cross_checks::faults(&file) {
            reader.push(fault);
        }
        let spec = sections.filter(|_| reader.faults() == before)?.into();
        Some(Self { spec, warnings: cross_checks::warnings(&file) })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Sections::schema(schemas)
    }

    fn write(&self) -> Value {
        Sections::from(&self.spec).write()
    }
}
