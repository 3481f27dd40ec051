//! The quantities of policies, as the file writes them.

use crate::{Content, Node, Reader, Schemas, Shape, scalars::number, text_or};
use plimsoll_policy::{
    hedge::Percentile,
    retry::Attempts,
    throttle::Multiplier,
    units::{BackoffRange, Burst, Rate, Ratio, Span, duration},
};
use serde_json::{Value, json};
use std::{borrow::Cow, time::Duration};

/// The pattern of a [`duration`].
pub(super) const DURATION: &str = r"\s*(([0-9]+(\.[0-9]{0,18})?|\.[0-9]{1,18})\s*(ns|us|µs|ms|s|m|h|d)\s*)+";

/// Above zero.
impl Shape for Duration {
    fn expected() -> Cow<'static, str> {
        "a duration above zero such as \"300ms\", \"2s\", \"1.5m\" or \"1h\"".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let above_zero = |text: &str| duration(text).ok().filter(|duration| !duration.is_zero());
        reader.quantity(node, &Self::expected(), above_zero)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.text("duration", &Self::expected(), DURATION)
    }

    fn write(&self) -> Value {
        Span(*self).to_string().into()
    }
}

/// From 0% to 100%, or from 0 to 1 without the sign.
const PER_CENT: &str = concat!(
    r"\s*((100(\.0*)?|0*[0-9]{1,2}(\.[0-9]*)?|\.[0-9]+)%",
    r"|0*\.[0-9]+|0+(\.[0-9]*)?|0*1(\.0*)?)\s*",
);

impl Shape for Ratio {
    fn expected() -> Cow<'static, str> {
        "a ratio from 0% to 100%, such as \"50%\" or 0.5".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(value) = number(node) else {
            return reader.parsed(node, &Self::expected(), |text| text.parse().ok());
        };
        let ratio = Self::try_from(value).ok();
        if ratio.is_none() {
            let meant = Some(format!("{value}%")).filter(|text| text.parse::<Self>().is_ok());
            let found = format!("found {}", node.shown());
            let fault = reader.fault(node, found).expecting(Self::expected()).nearest_to(meant);
            reader.push(fault);
        }
        ratio
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let text = schemas.text("per-cent", &Self::expected(), PER_CENT);
        schemas.define("ratio", || text_or(text, json!({ "type": "number", "minimum": 0, "maximum": 1 })))
    }

    fn write(&self) -> Value {
        // Per cent is what people write; a ratio that no short number of per cent gives stays a number.
        let text = self.to_string();
        if text.parse() == Ok(*self) { text.into() } else { self.get().into() }
    }
}

impl Shape for Rate {
    fn expected() -> Cow<'static, str> {
        "a rate such as \"100/s\", \"90/m\" or \"5/h\", from one an hour to a thousand million a second"
            .into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.quantity(node, &Self::expected(), |text| text.parse().ok())
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.text("rate", &Self::expected(), r"\s*[0-9]+\s*/\s*[0-9.]*\s*(ns|us|µs|ms|s|m|h|d)\s*")
    }

    fn write(&self) -> Value {
        self.to_string().into()
    }
}

impl Shape for BackoffRange {
    fn expected() -> Cow<'static, str> {
        "a range of waits such as \"10ms..200ms\", the first above zero and not above the second".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.quantity(node, &Self::expected(), |text| text.parse().ok())
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.text("backoff", &Self::expected(), &format!(r"{DURATION}\.\.{DURATION}"))
    }

    fn write(&self) -> Value {
        self.to_string().into()
    }
}

impl Shape for Percentile {
    fn expected() -> Cow<'static, str> {
        "a percentile from \"p1\" to \"p99.99\"".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed(node, &Self::expected(), |text| text.parse().ok())
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.text("percentile", &Self::expected(), PERCENTILE)
    }

    fn write(&self) -> Value {
        self.to_string().into()
    }
}

/// The pattern of a [`Percentile`].
pub(super) const PERCENTILE: &str = r"\s*p[0-9]{1,2}(\.[0-9]*)?\s*";

impl Shape for Burst {
    fn expected() -> Cow<'static, str> {
        "a burst from 1 to 4294967295".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let value = reader.integer(node, 1..=i128::from(u32::MAX), &Self::expected())?;
        Self::try_from(u32::try_from(value).ok()?).ok()
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX })
    }

    fn write(&self) -> Value {
        self.get().into()
    }
}

impl Shape for Attempts {
    fn expected() -> Cow<'static, str> {
        "from 1 to 10 attempts, the first included".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let value = reader.integer(node, 1..=i128::from(Self::MAX), &Self::expected())?;
        Self::try_from(u32::try_from(value).ok()?).ok()
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "integer", "minimum": 1, "maximum": Self::MAX })
    }

    fn write(&self) -> Value {
        self.get().into()
    }
}

impl Shape for Multiplier {
    fn expected() -> Cow<'static, str> {
        "a multiplier from 1 to 1000, such as 2.0".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let value = number(node).and_then(|value| Self::try_from(value).ok());
        if value.is_none() {
            reader.refuse(node, &Self::expected());
        }
        value
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "number", "minimum": 1, "maximum": 1000 })
    }

    fn write(&self) -> Value {
        self.get().into()
    }
}

/// The file's `version`. There is one so far; a later one will say how to come from this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Version;

impl Version {
    /// The version that this program reads.
    pub const SUPPORTED: u32 = 1;
}

impl Shape for Version {
    fn expected() -> Cow<'static, str> {
        format!("{}, the version of the format that this program reads", Self::SUPPORTED).into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match node.content() {
            Content::Integer(value) if *value == i128::from(Self::SUPPORTED) => Some(Self),
            _ => {
                reader.refuse(node, &Self::expected());
                None
            }
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "const": Self::SUPPORTED })
    }

    fn write(&self) -> Value {
        Self::SUPPORTED.into()
    }
}
