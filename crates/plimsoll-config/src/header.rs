//! Names of header fields.

use crate::{Node, Reader, Schemas, Shape};
use plimsoll_policy::units::ValueError;
use std::{borrow::Cow, fmt};

/// The name of a header field in lower case: 1 to 128 characters of a token (RFC 9110).
///
/// ```
/// # use plimsoll_config::HeaderName;
/// assert_eq!(HeaderName::try_from("X-Tenant")?.as_str(), "x-tenant");
/// assert!(HeaderName::try_from("x tenant").is_err());
/// # Ok::<(), plimsoll_policy::units::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HeaderName(Box<str>);

pub(super) const EXPECTED: &str = "the name of a header such as \"x-tenant\"";

/// The pattern of a name.
pub(super) const PATTERN: &str = "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}";

impl HeaderName {
    /// Returns the name as text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text.
    pub fn into_boxed_str(self) -> Box<str> {
        self.0
    }
}

impl TryFrom<&str> for HeaderName {
    type Error = ValueError;

    fn try_from(text: &str) -> Result<Self, ValueError> {
        // RFC 9110, "token".
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if (1..=128).contains(&text.len()) && text.bytes().all(token) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(ValueError::new(EXPECTED, format_args!("{text:?}")))
        }
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Shape for HeaderName {
    fn expected() -> Cow<'static, str> {
        EXPECTED.into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.parsed(node, EXPECTED, |text| Self::try_from(text).ok())
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        schemas.text("header", EXPECTED, PATTERN)
    }

    fn write(&self) -> serde_json::Value {
        self.as_str().into()
    }
}

/// Reads the name of `header:NAME`, as rate limits and balancing write it.
pub(super) fn tagged(text: &str) -> Option<Box<str>> {
    HeaderName::try_from(text.strip_prefix("header:")?.trim()).ok().map(HeaderName::into_boxed_str)
}
