//! `trusted = […]`.

use plimsoll::{
    config::{Node, Reader, Schemas, Shape},
    http::headers::TrustedProxy,
};
use serde_json::Value;
use std::borrow::Cow;

/// An address or a network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Network(pub(super) TrustedProxy);

impl Shape for Network {
    fn expected() -> Cow<'static, str> {
        "an address or a network such as \"10.0.0.0/8\" or \"::1\"".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed(node, &Self::expected(), |text| text.parse().ok().map(Self))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.text("network", &Self::expected(), r"\s*([0-9.]+|[0-9a-fA-F:.]+)(/[0-9]{1,3})?\s*")
    }

    fn write(&self) -> Value {
        self.0.to_string().into()
    }
}
