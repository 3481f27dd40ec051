//! `balance = …` of an upstream.

use crate::{
    Node, Reader, Schemas, Section, Shape,
    header::{self, tagged},
    text_or,
};
use plimsoll_policy::balance::{Balance, DEFAULT_SEED, Weight};
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
        let mut section = Section::open(node, reader, &["hash", "seed"])?;
        let (hash, seed) = (section.required::<Hash>("hash"), section.or_else("seed", || DEFAULT_SEED));
        let (Some(Hash(name)), Some(seed)) = (hash, seed) else { return None };
        section.is_sound().then_some(Self::HashHeader { name, seed })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let hash = schemas.key::<Hash>("The header whose value is the key.", None);
        let seed = "Part of every hash: gateways that are to agree on the replica of a key have the same.";
        let seed = schemas.key::<u32>(seed, Some(DEFAULT_SEED.into()));
        text_or(
            json!({ "enum": ["peak-ewma", "round-robin", "least-in-flight"] }),
            json!({
                "type": "object",
                "properties": { "hash": hash, "seed": seed },
                "required": ["hash"],
                "additionalProperties": false,
            }),
        )
    }

    fn write(&self) -> Value {
        match self {
            Self::PeakEwma => "peak-ewma".into(),
            Self::RoundRobin => "round-robin".into(),
            Self::LeastInFlight => "least-in-flight".into(),
            Self::HashHeader { name, seed: DEFAULT_SEED } => json!({ "hash": Hash(name.clone()).write() }),
            Self::HashHeader { name, seed } => json!({ "hash": Hash(name.clone()).write(), "seed": seed }),
        }
    }
}

/// The weight of an endpoint.
impl Shape for Weight {
    fn expected() -> Cow<'static, str> {
        format!("a whole number from 1 to {}", Self::MAX).into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let weight = reader.integer(node, 1..=Self::MAX.into(), &Self::expected())?;
        Self::new(u16::try_from(weight).ok()?)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "integer", "minimum": 1, "maximum": Self::MAX })
    }

    fn write(&self) -> Value {
        self.get().into()
    }
}
