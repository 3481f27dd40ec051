//! Numbers and sizes within bounds.

use plimsoll::{
    config::{Content, Node, Reader, Schemas, Shape, Size},
    policy::units::Span,
};
use serde_json::{Value, json};
use std::{borrow::Cow, time::Duration};

/// A whole number from `LOW` to `HIGH`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Count<const LOW: u32, const HIGH: u32>(u32);

impl<const LOW: u32, const HIGH: u32> Count<LOW, HIGH> {
    /// The nearest within the bounds.
    pub(super) fn nearest(count: usize) -> Self {
        Self(u32::try_from(count).unwrap_or(u32::MAX).clamp(LOW, HIGH))
    }

    pub(super) fn get(self) -> u32 {
        self.0
    }
}

impl<const LOW: u32, const HIGH: u32> Shape for Count<LOW, HIGH> {
    fn expected() -> Cow<'static, str> {
        format!("a whole number from {LOW} to {HIGH}").into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.integer(node, LOW.into()..=HIGH.into(), &Self::expected())?;
        u32::try_from(count).ok().map(Self)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "integer", "minimum": LOW, "maximum": HIGH })
    }

    fn write(&self) -> Value {
        self.0.into()
    }
}

/// A size from `LOW` to `HIGH` bytes; a `HIGH` of `u64::MAX` is no bound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Bytes<const LOW: u64, const HIGH: u64>(u64);

impl<const LOW: u64, const HIGH: u64> Bytes<LOW, HIGH> {
    /// The nearest within the bounds.
    pub(super) fn nearest(bytes: u64) -> Self {
        Self(bytes.clamp(LOW, HIGH))
    }

    pub(super) fn get(self) -> u64 {
        self.0
    }
}

impl<const LOW: u64, const HIGH: u64> Shape for Bytes<LOW, HIGH> {
    fn expected() -> Cow<'static, str> {
        let [low, high] = [LOW, HIGH].map(|bytes| Size::of_bytes(bytes).to_string());
        match (LOW, HIGH) {
            (_, u64::MAX) => format!("a size of at least {low:?}").into(),
            _ => format!("a size from {low:?} to {high:?}").into(),
        }
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let expected = Self::expected();
        let bytes = if let Content::Integer(_) = node.content() {
            u64::try_from(reader.integer(node, LOW.into()..=HIGH.into(), &expected)?).ok()?
        } else {
            Size::read(node, reader)?.bytes()
        };
        if (LOW..=HIGH).contains(&bytes) {
            return Some(Self(bytes));
        }
        reader.refuse(node, &expected);
        None
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Size::schema(schemas)
    }

    fn write(&self) -> Value {
        Size::of_bytes(self.0).write()
    }
}

/// A duration from `LOW` to `HIGH` milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Time<const LOW: u64, const HIGH: u64>(Duration);

impl<const LOW: u64, const HIGH: u64> Time<LOW, HIGH> {
    const LEAST: Duration = Duration::from_millis(LOW);
    const MOST: Duration = Duration::from_millis(HIGH);

    /// The nearest within the bounds.
    pub(super) fn nearest(time: Duration) -> Self {
        Self(time.clamp(Self::LEAST, Self::MOST))
    }

    pub(super) fn get(self) -> Duration {
        self.0
    }
}

impl<const LOW: u64, const HIGH: u64> Shape for Time<LOW, HIGH> {
    fn expected() -> Cow<'static, str> {
        let [least, most] = [Self::LEAST, Self::MOST].map(|time| Span(time).to_string());
        format!("a duration from {least:?} to {most:?}").into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let time = Duration::read(node, reader)?;
        if (Self::LEAST..=Self::MOST).contains(&time) {
            return Some(Self(time));
        }
        reader.refuse(node, &Self::expected());
        None
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Duration::schema(schemas)
    }

    fn write(&self) -> Value {
        self.0.write()
    }
}
