use super::Name;
use crate::hostname;
use http::{HeaderName, HeaderValue, Method};
use std::{fmt, str::FromStr};

/// Which requests go where, under which policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteSpec {
    /// How it is called in metrics and logs, no two alike: given, or made of methods, host, path and names of headers.
    pub name: Box<str>,
    /// For this host only.
    pub host: Option<HostPattern>,
    /// For paths that begin so.
    pub path: PathPrefix,
    /// For these methods only; empty: for all.
    pub methods: Vec<Method>,
    /// Only where each of these headers has this value.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The replacement of the matched prefix when the request is forwarded.
    pub rewrite: Option<PathPrefix>,
    /// Where to.
    pub upstream: Name,
    /// Under which policy; `None`: under `default`, which has the defaults unless there is one of that name.
    pub policy: Option<Name>,
}

/// A host, or all hosts below one: `"shop.example"`, `"*.shop.example"`. Without a port; kept in lower case, without a
/// trailing dot.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum HostPattern {
    /// This one.
    Exact(Box<str>),
    /// Every host that ends in a dot and this.
    Below(Box<str>),
}

/// A host that cannot be one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected a host such as \"shop.example\" or \"*.shop.example\", without a port, found {0:?}")]
pub struct HostPatternError(String);

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let (below, host) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
        let bad = || HostPatternError(text.to_owned());
        let host: Box<str> = hostname::canonical(host).map_err(|_| bad())?.into();
        match below {
            true if host.starts_with('[') => Err(bad()),
            true => Ok(Self::Below(host)),
            false => Ok(Self::Exact(host)),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Below(host) => write!(f, "*.{host}"),
        }
    }
}

/// The beginning of a path, whole segments only: `"/reports"` covers `/reports` and `/reports/7`, not `/reportsX`;
/// `"/reports/"` covers what lies below alone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PathPrefix(Box<str>);

/// No beginning of a path.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "expected a path that begins with \"/\", without dot segments, escapes of letters and digits, query or fragment, found {0:?}"
)]
pub struct PathPrefixError(String);

impl PathPrefix {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the rest of `path` after the prefix, if the prefix covers it. A character of either that is escaped is the same as one that
    /// is not (`%40` is `@`), since whoever is asked for the path will decode it.
    pub fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(&*self.0).or_else(|| self.rest_of_another_spelling(path))?;
        (self.0.ends_with('/') || rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    fn rest_of_another_spelling<'p>(&self, path: &'p str) -> Option<&'p str> {
        let (mut prefix, mut rest) = (self.0.as_bytes(), path.as_bytes());
        while !prefix.is_empty() {
            let ((one, after_one), (other, after_other)) = (character(prefix)?, character(rest)?);
            if one != other {
                return None;
            }
            (prefix, rest) = (after_one, after_other);
        }
        path.get(path.len() - rest.len()..)
    }
}

/// The character that a path begins with, and what follows. One that is escaped stands for itself, unless it would be more
/// than that without its escape; those are told apart by a bit that no byte has.
fn character(path: &[u8]) -> Option<(u16, &[u8])> {
    const ESCAPED: u16 = 1 << 8;
    match path {
        [b'%', high, low, rest @ ..] => {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            let byte = (digit(*high)? << 4 | digit(*low)?) as u8;
            let plain = byte.is_ascii_graphic() && !b"/\\;%?#".contains(&byte);
            Some((if plain { u16::from(byte) } else { ESCAPED | u16::from(byte) }, rest))
        }
        [byte, rest @ ..] => Some((u16::from(*byte), rest)),
        [] => None,
    }
}

impl Default for PathPrefix {
    /// `/`: every path.
    fn default() -> Self {
        Self("/".into())
    }
}

impl FromStr for PathPrefix {
    type Err = PathPrefixError;

    fn from_str(text: &str) -> Result<Self, PathPrefixError> {
        let bad = || PathPrefixError(text.to_owned());
        let plain = text.starts_with('/')
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>".contains(&byte));
        if !plain || text.parse::<http::uri::PathAndQuery>().is_err() {
            return Err(bad());
        }
        match plimsoll::http::path::normalize(text) {
            Ok(clean) if clean == text => Ok(Self(text.into())),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_covers_whole_segments() {
        let rest = |prefix: &str, path: &'static str| prefix.parse::<PathPrefix>().unwrap().rest(path);
        assert_eq!(rest("/", "/any/thing"), Some("any/thing"));
        assert_eq!(rest("/reports", "/reports"), Some(""));
        assert_eq!(rest("/reports", "/reports/7"), Some("/7"));
        assert_eq!(rest("/reports", "/reportsX"), None);
        assert_eq!(rest("/reports/", "/reports"), None);
        assert_eq!(rest("/reports/", "/reports/7"), Some("7"));
    }

    #[test]
    fn an_escaped_character_is_the_same_as_one_that_is_not() {
        let rest = |prefix: &str, path: &'static str| prefix.parse::<PathPrefix>().unwrap().rest(path);
        for (prefix, path, expected) in [
            ("/@admin", "/%40admin/x", Some("/x")),
            ("/%40admin", "/@admin", Some("")),
            ("/a:b(c)", "/a%3Ab%28c%29/%40", Some("/%40")),
            ("/a%20b", "/a%20b/c", Some("/c")),
            ("/a%20b", "/a%2", None),
            ("/%C3%A9", "/%C3%A9", Some("")),
            ("/%C3%A9", "/%C3%A8", None),
            // These are more than themselves without their escape.
            ("/a/b", "/a%2Fb", None),
            ("/a%2Fb", "/a/b", None),
            ("/a%2Fb", "/a%2Fb", Some("")),
            ("/a;b", "/a%3Bb", None),
        ] {
            assert_eq!(rest(prefix, path), expected, "{prefix} {path}");
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for text in ["", "reports", "/a/../b", "/a?b", "/a#b", "/a b", "/ä", "/%61", "/%c3%a9", "/%"] {
            assert!(text.parse::<PathPrefix>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn hosts_are_read_in_lower_case() {
        assert_eq!("Shop.Example".parse::<HostPattern>().unwrap().to_string(), "shop.example");
        assert_eq!("[::1]".parse::<HostPattern>().unwrap(), HostPattern::Exact("[::1]".into()));
        assert_eq!("*.Example".parse::<HostPattern>().unwrap(), HostPattern::Below("example".into()));
        assert_eq!("shop.example.".parse::<HostPattern>().unwrap().to_string(), "shop.example");
        assert_eq!("[0::1]".parse::<HostPattern>().unwrap().to_string(), "[::1]");
        for text in
            ["", "*.", "a:80", "a b", "*", ".a", "**.a", "a/b", "[]", "[a b]", "*.[::1]", "a..b", "xn--a-.b"]
        {
            assert!(text.parse::<HostPattern>().is_err(), "{text:?}");
        }
    }
}
