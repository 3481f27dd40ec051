//! Where replicas are.

use super::distinct::distinct_by;
use crate::spec::{Address, EndpointSpec};
use plimsoll::{
    config::{Content, Located, Node, NonEmpty, Reader, Rules, Schemas, Shape, section, text_or},
    policy::balance::Weight,
};
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

section! {
    /// A replica that does not weigh the same as the others.
    pub(super) struct Weighted {
        /// Its host and port.
        address: Address,
        /// How much it takes, relative to the others, whatever the balance.
        weight: Weight = Weight::ONE,
    }
}

impl Rules for Weighted {}

impl Shape for EndpointSpec {
    fn expected() -> Cow<'static, str> {
        format!("{}, or {{ address = \"10.0.0.7:8080\", weight = 2 }}", Address::expected()).into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.as_table().is_some() {
            let Weighted { address, weight } = Weighted::read(node, reader)?;
            return Some(Self { address, weight });
        }
        // Who wrote a text meant the short form.
        let expected =
            if matches!(node.content(), Content::String(_)) { Address::expected() } else { Self::expected() };
        reader.parsed(node, &expected, |text| text.parse().ok())
    }

    fn schema(schemas: &mut Schemas) -> Value {
        text_or(Address::schema(schemas), Weighted::schema(schemas))
    }

    fn write(&self) -> Value {
        match self.weight {
            Weight::ONE => self.address.write(),
            weight => Weighted { address: self.address.clone(), weight }.write(),
        }
    }
}

/// At least one replica, no two at the same address.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Endpoints(Vec<EndpointSpec>);

/// The same, each with its location.
pub(super) type LocatedEndpoints = NonEmpty<Located<EndpointSpec>>;

impl Endpoints {
    pub(super) fn into_vec(self) -> Vec<EndpointSpec> {
        self.0
    }
}

impl From<&[EndpointSpec]> for Endpoints {
    fn from(endpoints: &[EndpointSpec]) -> Self {
        Self(endpoints.to_vec())
    }
}

impl Shape for Endpoints {
    fn expected() -> Cow<'static, str> {
        LocatedEndpoints::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let endpoints = LocatedEndpoints::read(node, reader)?.into_vec();
        distinct_by(&endpoints, |endpoint| &endpoint.address, "endpoint", reader)
            .then(|| Self(endpoints.into_iter().map(Located::into_inner).collect()))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        LocatedEndpoints::schema(schemas)
    }

    fn write(&self) -> Value {
        self.0.write()
    }
}
