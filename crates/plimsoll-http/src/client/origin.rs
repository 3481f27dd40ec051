//! The origin of a request.

use http::{
    HeaderValue, Uri,
    uri::{Authority, PathAndQuery, Scheme},
};
use std::{fmt, str::FromStr};

/// A scheme, a host and a port: `https://payments.internal`. Two are equal when requests to both share connections: the
/// host's case and the scheme's own port make no difference.
///
/// ```
/// # use plimsoll_http::client::Origin;
/// # fn main() -> Result<(), plimsoll_http::client::OriginError> {
/// let origin: Origin = "http://Orders.internal:80/".parse()?;
/// assert_eq!(origin.to_string(), "http://orders.internal");
/// assert!("orders.internal".parse::<Origin>().is_err());
/// assert!("http://user:secret@orders.internal".parse::<Origin>().is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
}

/// The reason why a text is no [`Origin`]. It does not quote the text, which may contain a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("invalid origin: {0}")]
pub struct OriginError(&'static str);

const SHAPE: OriginError =
    OriginError("expected a scheme, a host and perhaps a port, as in \"http://orders.internal:8080\"");

impl Origin {
    /// Returns the origin of an absolute target.
    pub(super) fn of(uri: &Uri) -> Result<Self, OriginError> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else { return Err(SHAPE) };
        let own_port = match scheme.as_str() {
            "http" => 80,
            "https" if cfg!(feature = "tls") => 443,
            "https" => return Err(OriginError("\"https\" needs the feature `tls`")),
            _ => return Err(OriginError("the scheme is neither \"http\" nor \"https\"")),
        };
        if authority.as_str().contains('@') {
            return Err(OriginError("a user or a password belongs into a header"));
        }
        if authority.host().is_empty() || authority.as_str().ends_with(':') {
            return Err(SHAPE);
        }
        let plain = authority.port_u16() != Some(own_port)
            && !authority.as_str().bytes().any(|byte| byte.is_ascii_uppercase());
        let authority = if plain {
            authority.clone()
        } else {
            let host = authority.host().to_ascii_lowercase();
            let text = match authority.port_u16().filter(|port| *port != own_port) {
                Some(port) => format!("{host}:{port}"),
                None => host,
            };
            Authority::from_maybe_shared(bytes::Bytes::from(text)).map_err(|_| SHAPE)?
        };
        Ok(Self { scheme: scheme.clone(), authority })
    }

    /// Returns the host and, unless it is the scheme's default, the port.
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// Returns whether connections to it are encrypted.
    pub fn is_secure(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Returns the host alone.
    pub(super) fn host(&self) -> &str {
        self.authority.host()
    }

    /// Returns the port, by default the scheme's.
    pub(super) fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.is_secure() { 443 } else { 80 })
    }

    pub(super) fn host_header(&self) -> HeaderValue {
        // An authority has visible ASCII only.
        HeaderValue::from_str(self.authority.as_str()).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// Returns the URI of this path at this origin.
    pub(super) fn at(&self, path: &PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path.clone());
        // All three parts are there.
        Uri::from_parts(parts).unwrap_or_default()
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let uri: Uri = text.parse().map_err(|_| SHAPE)?;
        if uri.path_and_query().is_some_and(|rest| rest.as_str() != "/") {
            return Err(OriginError("a path belongs to each request"));
        }
        Self::of(&uri)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_is_one_origin_however_it_is_written() {
        let origin = |text: &str| text.parse::<Origin>().unwrap();
        assert_eq!(origin("http://A.example"), origin("http://a.example:80/"));
        assert_ne!(origin("http://a.example"), origin("http://a.example:8080"));
        assert_eq!(origin("http://[::1]:9000").to_string(), "http://[::1]:9000");
        assert_eq!(origin("http://a.example").at(&PathAndQuery::from_static("/x?y")), "http://a.example/x?y");
    }

    #[test]
    fn what_is_none_is_refused_without_being_quoted() {
        for text in [
            "",
            "a.example",
            "/x",
            "ftp://a.example",
            "http://",
            "http://a.example/x",
            "http://u:hunter2@a.example",
            "http://a:",
        ] {
            let error = text.parse::<Origin>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        assert_eq!("https://a.example".parse::<Origin>().is_ok(), cfg!(feature = "tls"));
    }
}
