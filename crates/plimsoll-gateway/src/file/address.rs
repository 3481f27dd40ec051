//! Where replicas are.

use super::distinct::distinct;
use crate::spec::Address;
use plimsoll::file::{Node, NonEmpty, Placed, Reader, Schemas, Shape};
use serde_json::Value;
use std::borrow::Cow;

impl Shape for Address {
    fn expected() -> Cow<'static, str> {
        "a host and a port such as \"10.0.0.7:8080\" or \"orders.internal:80\"".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed(node, &Self::expected(), |text| text.parse().ok())
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.text("endpoint", &Self::expected(), r"([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}")
    }

    fn write(&self) -> Value {
        self.to_string().into()
    }
}

/// At least one replica, no two alike.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Endpoints(Vec<Address>);

/// The same, each with its place.
pub(super) type PlacedEndpoints = NonEmpty<Placed<Address>>;

impl Endpoints {
    pub(super) fn into_vec(self) -> Vec<Address> {
        self.0
    }
}

impl From<&[Address]> for Endpoints {
    fn from(endpoints: &[Address]) -> Self {
        Self(endpoints.to_vec())
    }
}

impl Shape for Endpoints {
    fn expected() -> Cow<'static, str> {
        PlacedEndpoints::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let endpoints = PlacedEndpoints::read(node, reader)?.into_vec();
        distinct(&endpoints, "endpoint", reader)
            .then(|| Self(endpoints.into_iter().map(Placed::into_inner).collect()))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        PlacedEndpoints::schema(schemas)
    }

    fn write(&self) -> Value {
        self.0.write()
    }
}
