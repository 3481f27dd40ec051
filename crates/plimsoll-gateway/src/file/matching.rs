//! The conditions of a route: host, path, methods, headers.

use super::distinct::distinct;
use crate::spec::{HostPattern, PathPrefix};
use http::{HeaderName, HeaderValue, Method};
use plimsoll::config::{self, Content, Located, Node, Reader, Schemas, Shape, nearest};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

impl Shape for HostPattern {
    fn expected() -> Cow<'static, str> {
        "a host such as \"shop.example\" or \"*.shop.example\", without a port".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed(node, &Self::expected(), |text| text.parse().ok())
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let pattern = r"(\*\.)?[A-Za-z0-9_~-]+(\.[A-Za-z0-9_~-]+)*\.?|\[[0-9a-fA-F:.]+\]";
        schemas.text("host", &Self::expected(), pattern)
    }

    fn write(&self) -> Value {
        self.to_string().into()
    }
}

impl Shape for PathPrefix {
    fn expected() -> Cow<'static, str> {
        "a path that begins with \"/\", without dot segments, escapes of letters and digits, query or fragment".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed(node, &Self::expected(), |text| text.parse().ok())
    }

    fn schema(schemas: &mut Schemas) -> Value {
        // Every visible character of ASCII but " # < > ?.
        schemas.text("path", &Self::expected(), "/[!$-;=@-~]*")
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }
}

/// How a route is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Label(pub(super) Box<str>);

impl Shape for Label {
    fn expected() -> Cow<'static, str> {
        "a name of 1 to 128 visible characters of ASCII".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed(node, &Self::expected(), |text| {
            let sound = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
            sound.then(|| Self(text.into()))
        })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.text("label", &Self::expected(), "[!-~]{1,128}")
    }

    fn write(&self) -> Value {
        (*self.0).into()
    }
}

/// The methods that HTTP itself has.
const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
    Method::OPTIONS,
    Method::CONNECT,
    Method::TRACE,
];

/// One method. Case matters in HTTP, so a method in small letters would never match.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Verb(Method);

impl Shape for Verb {
    fn expected() -> Cow<'static, str> {
        "a method in capitals such as \"GET\"".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let expected = Self::expected();
        let text = reader.text(node, &expected)?;
        let token = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-' || byte == b'_');
        // A method of other standards may be meant, a slip of the pen may not.
        if token && nearest(&text, METHODS.iter().map(Method::as_str)).is_none() {
            return Method::from_bytes(text.as_bytes()).ok().map(Self);
        }
        let words = METHODS.each_ref().map(|method| (method.as_str(), method.clone()));
        reader.word(node, &words, &expected).map(Self)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.text("method", &Self::expected(), "[A-Z_-]{1,32}")
    }

    fn write(&self) -> Value {
        self.0.as_str().into()
    }
}

/// Methods, no two alike; none: all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Methods(pub(super) Vec<Method>);

impl Shape for Methods {
    fn expected() -> Cow<'static, str> {
        Vec::<Verb>::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let methods = Vec::<Located<Verb>>::read(node, reader)?;
        distinct(&methods, "method", reader)
            .then(|| Self(methods.into_iter().map(|method| method.into_inner().0).collect()))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Vec::<Verb>::schema(schemas)
    }

    fn write(&self) -> Value {
        self.0.iter().map(Method::as_str).collect()
    }
}

/// Headers and their values, in the order of the file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Headers(pub(super) Vec<(HeaderName, HeaderValue)>);

/// A header's value; one from the environment is marked as sensitive.
struct Field(HeaderValue);

impl Shape for Field {
    fn expected() -> Cow<'static, str> {
        "a header's value: a text of visible characters of ASCII and blanks, none at its ends".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed(node, &Self::expected(), |text| {
            let sound = text.trim() == text && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            let mut value = HeaderValue::from_str(text).ok().filter(|_| sound)?;
            value.set_sensitive(matches!(node.content(), Content::String(written) if written != text));
            Some(Self(value))
        })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.text("header-value", &Self::expected(), "([!-~]([ -~]*[!-~])?)?")
    }

    fn write(&self) -> Value {
        match self.0.to_str() {
            Ok(text) if !self.0.is_sensitive() => text.into(),
            _ => super::HIDDEN.into(),
        }
    }
}

impl Shape for Headers {
    fn expected() -> Cow<'static, str> {
        "a table of headers and their values, such as { x-beta = \"1\" }".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(table) = node.as_table() else {
            reader.refuse(node, &Self::expected());
            return None;
        };
        let before = reader.faults();
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        for entry in table.entries() {
            let value = reader.key::<Field>(&entry.key, &entry.value);
            let name = config::HeaderName::try_from(&*entry.key).ok();
            let name = name.and_then(|name| HeaderName::from_bytes(name.as_str().as_bytes()).ok());
            if let Some(name) = &name
                && headers.iter().any(|(earlier, _)| earlier == name)
            {
                let fault = reader.fault_at_key(entry, format!("{:?} stands there already", name.as_str()));
                reader.push(fault.expecting("every header once; capitals do not count"));
            }
            if name.is_none() {
                let fault = reader.fault_at_key(entry, format!("found {:?}", entry.key));
                reader.push(fault.expecting(config::HeaderName::expected()));
            }
            headers.extend(name.zip(value.map(|Field(value)| value)));
        }
        (reader.faults() == before).then_some(Self(headers))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({
            "type": "object",
            "propertyNames": config::HeaderName::schema(schemas),
            "additionalProperties": Field::schema(schemas),
        })
    }

    fn write(&self) -> Value {
        let entries = self.0.iter().map(|(name, value)| (name.to_string(), Field(value.clone()).write()));
        Value::Object(entries.collect::<Map<_, _>>())
    }
}
