//! Plain values: numbers, texts, addresses.

use crate::{Content, Node, Reader, Schemas, Shape};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, SocketAddr},
    num::{NonZeroU16, NonZeroU32, NonZeroU64},
    path::PathBuf,
};
use subtle::ConstantTimeEq;

impl Shape for bool {
    fn expected() -> Cow<'static, str> {
        "true or false".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if let Content::Bool(value) = node.content() {
            return Some(*value);
        }
        reader.refuse(node, &Self::expected());
        None
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "boolean" })
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

/// Whole numbers: the type's own range, zero excluded where the type excludes it.
macro_rules! integers {
    ($($ty:ident as $raw:ident from $low:literal;)+) => {$(
        impl Shape for $ty {
            fn expected() -> Cow<'static, str> {
                format!("a whole number from {} to {}", $low, $raw::MAX).into()
            }

            fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
                let range = $low..=i128::from($raw::MAX);
                let value = reader.integer(node, range, &Self::expected())?;
                $ty::try_from($raw::try_from(value).ok()?).ok()
            }

            fn schema(_: &mut Schemas) -> Value {
                json!({ "type": "integer", "minimum": $low, "maximum": $raw::MAX })
            }

            fn write(&self) -> Value {
                $raw::from(*self).into()
            }
        }
    )+};
}

integers! {
    u16 as u16 from 0;
    u32 as u32 from 0;
    u64 as u64 from 0;
    NonZeroU16 as u16 from 1;
    NonZeroU32 as u32 from 1;
    NonZeroU64 as u64 from 1;
}

/// A finite number; whole ones may be written without a point.
impl Shape for f64 {
    fn expected() -> Cow<'static, str> {
        "a number".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let value = number(node).filter(|value| value.is_finite());
        if value.is_none() {
            reader.refuse(node, &Self::expected());
        }
        value
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "number" })
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

/// A number of either kind, in floating point.
pub(super) fn number(node: &Node) -> Option<f64> {
    match node.content() {
        Content::Float(value) => Some(*value),
        Content::Integer(value) => Some(*value as f64),
        _ => None,
    }
}

/// Any text.
impl Shape for String {
    fn expected() -> Cow<'static, str> {
        "a text in quotes".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.text(node, &Self::expected()).map(Cow::into_owned)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string" })
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }
}

/// A text that is never shown: a token, a password. Best given as `"${NAME}"`. Its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// A secret of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// Returns the text itself.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns whether `text` is the secret, in a time that depends on nothing but the lengths.
    pub fn matches(&self, text: &str) -> bool {
        self.expose().as_bytes().ct_eq(text.as_bytes()).into()
    }
}

/// Compares in constant time.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.expose())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Not empty. Written as `"***"`: a secret that was written cannot be read back.
impl Shape for Secret {
    fn expected() -> Cow<'static, str> {
        "a text that is not empty, best from the environment: \"${NAME}\"".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let expected = Self::expected();
        if !matches!(node.content(), Content::String(_)) {
            // The value may be the secret in the wrong type.
            let fault = reader.fault(node, "no text").expecting(expected);
            reader.push(fault);
            return None;
        }
        reader.parsed(node, &expected, |text| (!text.is_empty()).then(|| Self::new(text)))
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string", "minLength": 1, "writeOnly": true })
    }

    fn write(&self) -> Value {
        "***".into()
    }
}

impl Shape for PathBuf {
    fn expected() -> Cow<'static, str> {
        "a path".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed(node, &Self::expected(), |text| (!text.is_empty()).then(|| text.into()))
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string", "minLength": 1 })
    }

    fn write(&self) -> Value {
        self.to_string_lossy().into()
    }
}

impl Shape for SocketAddr {
    fn expected() -> Cow<'static, str> {
        "an address and port such as \"127.0.0.1:8080\" or \"[::1]:8080\"".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed(node, &Self::expected(), |text| text.parse().ok())
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.text("address", &Self::expected(), r"[0-9.]+:[0-9]{1,5}|\[[0-9a-fA-F:.%]+\]:[0-9]{1,5}")
    }

    fn write(&self) -> Value {
        self.to_string().into()
    }
}

impl Shape for IpAddr {
    fn expected() -> Cow<'static, str> {
        "an IP address such as \"127.0.0.1\" or \"::1\"".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed(node, &Self::expected(), |text| text.parse().ok())
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.text("ip", &Self::expected(), r"[0-9.]+|[0-9a-fA-F:.]+")
    }

    fn write(&self) -> Value {
        self.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_matches_itself_alone_and_is_not_shown() {
        let secret = Secret::new("hunter2");
        assert!(secret.matches("hunter2"));
        for wrong in ["hunter3", "hunter22", "hunter", ""] {
            assert!(!secret.matches(wrong), "{wrong}");
            assert_ne!(secret, Secret::new(wrong));
        }
        assert!(!format!("{secret:?}{}", secret.write()).contains("hunter2"));
    }
}
