use super::Name;
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
    /// What stands in place of the matched prefix when the request is sent on.
    pub rewrite: Option<PathPrefix>,
    /// Where to.
    pub upstream: Name,
    /// Under which policy; `None`: under `default`, which has the defaults unless there is one of that name.
    pub policy: Option<Name>,
}

/// A host, or all hosts below one: `"shop.example"`, `"*.shop.example"`. Lower case, without a port.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum HostPattern {
    /// This one.
    Exact(Box<str>),
    /// Whatever ends in a dot and this.
    Below(Box<str>),
}

/// A host that cannot be one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected a host such as \"shop.example\" or \"*.shop.example\", without a port, found {0:?}")]
pub struct BadHost(String);

impl FromStr for HostPattern {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, BadHost> {
        let (below, host) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let v6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let v6 = !below && v6.is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok());
        let plain =
            !host.is_empty() && host.len() <= 255 && host.bytes().all(letter) && !host.starts_with('.');
        if !(plain || v6) {
            return Err(BadHost(text.to_owned()));
        }
        let host = host.to_ascii_lowercase().into_boxed_str();
        Ok(if below { Self::Below(host) } else { Self::Exact(host) })
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
#[error("expected a path that begins with \"/\", without dot segments, query or fragment, found {0:?}")]
pub struct BadPath(String);

impl PathPrefix {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the prefix in `path`, if it is covered.
    pub fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(&*self.0)?;
        (self.0.ends_with('/') || rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

impl Default for PathPrefix {
    /// `/`: every path.
    fn default() -> Self {
        Self("/".into())
    }
}

impl FromStr for PathPrefix {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        let bad = || BadPath(text.to_owned());
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
    fn what_is_no_prefix_is_refused() {
        for text in ["", "reports", "/a/../b", "/a?b", "/a#b", "/a b", "/ä"] {
            assert!(text.parse::<PathPrefix>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn hosts_are_read_in_lower_case() {
        assert_eq!("Shop.Example".parse::<HostPattern>().unwrap().to_string(), "shop.example");
        assert_eq!("[::1]".parse::<HostPattern>().unwrap(), HostPattern::Exact("[::1]".into()));
        assert_eq!("*.Example".parse::<HostPattern>().unwrap(), HostPattern::Below("example".into()));
        for text in ["", "*.", "a:80", "a b", "*", ".a", "**.a", "a/b", "[]", "[a b]", "*.[::1]"] {
            assert!(text.parse::<HostPattern>().is_err(), "{text:?}");
        }
    }
}
