//! `balance = …` of an upstream.

use super::super::{Node, Reader, Schemas, Section, Shape, header, header::tagged};
use crate::balance::Balance;
use serde_json::{Value, json};
use std::borrow::Cow;

const HASH: &str = "\"header:NAME\", such as \"header:x-tenant\"";

/// `header:NAME` under `hash`.
struct Hash(Box<str>);

impl Shape for Hash {
    fn expected() -> Cow<'static, str> {
        HASH.into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed(node, HASH, |text| tagged(text).map(Self))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.text("hash", HASH, &format!(r"header:\s*{}\s*", header::PATTERN))
    }

    fn write(&self) -> Value {
        format!("header:{}", self.0).into()
    }
}

impl Shape for Balance {
    fn expected() -> Cow<'static, str> {
        "\"peak-ewma\", \"round-robin\", \"least-in-flight\" or { hash = \"header:NAME\" }".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.as_table().is_none() {
            let words = [
                ("peak-ewma", Self::PeakEwma),
                ("round-robin", Self::RoundRobin),
                ("least-in-flight", Self::LeastInFlight),
            ];
            return reader.word(node, &words, &Self::expected());
        }
        let mut section = Section::open(node, reader, &["hash"])?;
        let hash = section.required::<Hash>("hash")?;
        section.is_sound().then_some(Self::HashHeader(hash.0))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "anyOf": [
            { "enum": ["peak-ewma", "round-robin", "least-in-flight"] },
            {
                "type": "object",
                "properties": { "hash": Hash::schema(schemas) },
                "required": ["hash"],
                "additionalProperties": false,
            },
        ] })
    }

    fn write(&self) -> Value {
        match self {
            Self::PeakEwma => "peak-ewma".into(),
            Self::RoundRobin => "round-robin".into(),
            Self::LeastInFlight => "least-in-flight".into(),
            Self::HashHeader(name) => json!({ "hash": format!("header:{name}") }),
        }
    }
}
