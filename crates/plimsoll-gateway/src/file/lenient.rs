//! A second, lenient reading of the file: of the parts that refer to each other, even if other parts are wrong.
//!
//! The strict reading returns nothing for a section with a fault. This one returns the readable parts, so that a wrong
//! reference is reported beside a wrong duration. It knows only keys of the sections, and reads them by the same types.

use super::{
    address::LocatedEndpoints,
    array_of_tables::{ArrayOfTables, Entry},
    choice::Choice,
    listener::Paths,
    matching::{Headers, Label, Methods},
};
use crate::spec::{HeaderNames, HostPattern, ListenerSpec, Name, PathPrefix, RouteSpec};
use plimsoll::{
    config::{Diagnostic, Located, Location, Node, Reader, Schemas, Shape, Table},
    policy::{ejection::EjectionSpec, units::Ratio},
};
use serde_json::Value;
use std::{borrow::Cow, net::SocketAddr};

/// A key of a part.
#[derive(Debug)]
pub(super) enum Part<T> {
    /// The key is absent.
    Absent,
    /// The value is wrong.
    Wrong,
    /// The value.
    Is(T),
}

impl<T: Shape> Part<T> {
    fn of(node: &Node, key: &str, reader: &mut Reader<'_>) -> Self {
        match node.as_table().and_then(|table| table.get(key)) {
            None => Self::Absent,
            Some(value) => reader.key(key, value).map_or(Self::Wrong, Self::Is),
        }
    }
}

impl<T> Part<T> {
    /// Returns the value, if it is there and right.
    pub(super) fn get(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// Returns the value, or `None` if the key is absent.
    pub(super) fn known(&self) -> Result<Option<&T>, Wrong> {
        match self {
            Self::Is(value) => Ok(Some(value)),
            Self::Absent => Ok(None),
            Self::Wrong => Err(Wrong),
        }
    }
}

/// A part whose value is wrong and has been reported.
#[derive(Debug)]
pub(super) struct Wrong;

/// The location of a part.
#[derive(Debug)]
pub(super) struct PartLocation {
    location: Location,
    path: String,
}

impl PartLocation {
    fn of(node: &Node, reader: &Reader<'_>) -> Self {
        Self { location: reader.location(node), path: reader.path() }
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    pub(super) fn fault(&self, problem: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.location.clone(), &*self.path, problem)
    }
}

/// Parts are read and never written; the schema is that of the sections.
macro_rules! part {
    ($(#[doc = $doc:literal])+ $name:ident { $($field:ident $key:literal: $ty:ty,)* }) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(super) struct $name {
            pub(super) spot: PartLocation,
            $(pub(super) $field: Part<$ty>,)*
        }

        read_only!($name, |node, reader| Self {
            spot: PartLocation::of(node, reader),
            $($field: Part::of(node, $key, reader),)*
        });
    };
}

macro_rules! read_only {
    ($name:ty, |$node:ident, $reader:ident| $read:expr) => {
        impl Shape for $name {
            fn expected() -> Cow<'static, str> {
                // The same as of the section, so that a value that is not a table is reported once.
                plimsoll::config::Section::EXPECTED.into()
            }

            fn read($node: &Node, $reader: &mut Reader<'_>) -> Option<Self> {
                Some($read)
            }

            fn schema(_: &mut Schemas) -> Value {
                true.into()
            }

            fn write(&self) -> Value {
                Value::Null
            }
        }
    };
}

part! {
    /// The whole file.
    LenientFile {
        admin "admin": Admin,
        listeners "listener": ArrayOfTables<Listener, 1>,
        routes "route": ArrayOfTables<Route, 0>,
        upstreams "upstream": Named<Upstream>,
        policies "policy": Named<Policy>,
    }
}

/// A listener.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) listen: Part<Located<SocketAddr>>,
    pub(super) paths: Part<Paths>,
    pub(super) header_names: Part<Choice<HeaderNames>>,
}

read_only!(Listener, |node, reader| Self {
    listen: Part::of(node, "listen", reader),
    paths: Part::of(node, "paths", reader),
    header_names: Part::of(node, "header-names", reader),
});

impl Entry for Listener {
    const HEADER: &'static str = ListenerSpec::HEADER;
}

part! {
    /// A route.
    Route {
        name "name": Located<Label>,
        host "host": HostPattern,
        path "path": PathPrefix,
        methods "methods": Methods,
        headers "headers": Headers,
        upstream "upstream": Located<Name>,
        policy "policy": Located<Name>,
    }
}

impl Entry for Route {
    const HEADER: &'static str = RouteSpec::HEADER;
}

part! {
    /// An upstream.
    Upstream {
        endpoints "endpoints": LocatedEndpoints,
        ejection "ejection": Option<EjectionSpec>,
        panic "panic-threshold": Ratio,
    }
}

part! {
    /// A policy; only its existence matters to other parts.
    Policy {}
}

/// The address of the admin API.
#[derive(Debug)]
pub(super) enum Admin {
    /// None.
    Off,
    /// The address of a table.
    On(Part<Located<SocketAddr>>),
}

read_only!(Admin, |node, reader| if reader.is_word(node, "off") {
    Self::Off
} else {
    Self::On(Part::of(node, "listen", reader))
});

/// Parts by the names that the user chose, in the order of the file.
#[derive(Debug)]
pub(super) struct Named<T> {
    pub(super) entries: Vec<(String, T)>,
    /// Whether the value was a table.
    pub(super) table: bool,
}

read_only!(Named<Upstream>, |node, reader| Self::of(node, reader));
read_only!(Named<Policy>, |node, reader| Self::of(node, reader));

impl<T: Shape> Named<T> {
    fn of(node: &Node, reader: &mut Reader<'_>) -> Self {
        let entries = node.as_table().map(Table::entries).unwrap_or_default();
        let read = |entry: &plimsoll::config::Entry| {
            Some((entry.key.clone(), reader.key(&entry.key, &entry.value)?))
        };
        Self { entries: entries.iter().filter_map(read).collect(), table: node.as_table().is_some() }
    }
}
