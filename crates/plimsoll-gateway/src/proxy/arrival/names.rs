//! Names of headers and trailers that somebody behind could take for other names.

use super::stop::Stop;
use crate::{
    h1,
    spec::{HeaderNames, is_odd},
};
use http::{HeaderMap, HeaderName};
use plimsoll::{driver::FieldsMut, http::headers::is_told_by_proxies};
use smallvec::SmallVec;

/// CGI makes `HTTP_PROXY` of it, by which programs choose the proxy for their own requests (CVE-2016-5385).
const PROXY: &[u8] = b"proxy";

/// Takes off what may be taken for another name, by this rule, and what is never passed on.
pub(super) fn settle(fields: &mut impl FieldsMut, rule: HeaderNames) -> Result<(), Stop> {
    let dropped = |name: &[u8]| name == PROXY || rule != HeaderNames::Pass && is_odd(name);
    if fields.names().any(dropped) {
        remove(fields, rule, dropped)?;
    }
    Ok(())
}

#[cold]
fn remove(
    fields: &mut impl FieldsMut,
    rule: HeaderNames,
    dropped: impl Fn(&[u8]) -> bool,
) -> Result<(), Stop> {
    if rule == HeaderNames::Refuse && fields.names().any(is_odd) {
        return Err(Stop::HeaderName);
    }
    fields.keep(|name| !dropped(name));
    Ok(())
}

/// The rules for the trailers of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trailing {
    pub(crate) names: HeaderNames,
    /// Bytes, as HTTP/2 counts a list of fields.
    pub(crate) bytes: usize,
    pub(crate) fields: usize,
}

/// Why trailers are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TrailerError {
    /// There are more of them than are taken.
    TooLarge,
    /// A name is refused by the listener's rule.
    Name,
    /// A value has a blank at its end, as none has in HTTP/2.
    Malformed,
}

impl Trailing {
    /// Takes off what no trailer may say: what frames, routes or authorises the request, who the client is, and what the
    /// listener's rule takes off.
    pub(crate) fn settle(self, trailers: &mut HeaderMap) -> Result<(), TrailerError> {
        if trailers.len() > self.fields || h1::semantics::list_size(trailers) > self.bytes {
            return Err(TrailerError::TooLarge);
        }
        if trailers.values().any(|value| h1::semantics::has_blank_end(value.as_bytes())) {
            return Err(TrailerError::Malformed);
        }
        settle(trailers, self.names).map_err(|_| TrailerError::Name)?;
        let barred = |name: &HeaderName| h1::semantics::may_not_trail(name) || is_told_by_proxies(name);
        let names: SmallVec<[HeaderName; 4]> = trailers.keys().filter(|name| barred(name)).cloned().collect();
        for name in names {
            trailers.remove(name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(names: &[&'static str]) -> HeaderMap {
        names.iter().map(|name| (HeaderName::from_static(name), "1".parse().unwrap())).collect()
    }

    fn left(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn odd_names_are_dropped_refused_or_passed() {
        let names = ["x-user", "x_user", "x.user", "proxy", "authorization"];
        let mut headers = map(&names);
        settle(&mut headers, HeaderNames::Drop).unwrap();
        assert_eq!(left(&headers), ["x-user", "authorization"]);
        let mut headers = map(&names);
        settle(&mut headers, HeaderNames::Pass).unwrap();
        assert_eq!(left(&headers).len(), 4, "Proxy alone is never passed on");
        assert_eq!(settle(&mut map(&names), HeaderNames::Refuse), Err(Stop::HeaderName));
        let mut headers = map(&["x-user", "proxy"]);
        settle(&mut headers, HeaderNames::Refuse).unwrap();
        assert_eq!(left(&headers), ["x-user"]);
    }

    #[test]
    fn trailers_say_nothing_of_client_framing_or_route() {
        let trailing = Trailing { names: HeaderNames::Drop, bytes: 4096, fields: 10 };
        let mut trailers = map(&[
            "x-sum",
            "x-forwarded-for",
            "forwarded",
            "x-real-ip",
            "host",
            "content-length",
            "authorization",
            "x_sum",
            "proxy",
        ]);
        trailing.settle(&mut trailers).unwrap();
        assert_eq!(left(&trailers), ["x-sum"]);
        let refuse = Trailing { names: HeaderNames::Refuse, ..trailing };
        assert_eq!(refuse.settle(&mut map(&["x_sum"])), Err(TrailerError::Name));
        let few = Trailing { fields: 1, ..trailing };
        assert_eq!(few.settle(&mut map(&["a", "b"])), Err(TrailerError::TooLarge));
        let short = Trailing { bytes: 33, ..trailing };
        assert_eq!(short.settle(&mut map(&["a"])), Err(TrailerError::TooLarge));
        assert_eq!(Trailing { bytes: 34, ..trailing }.settle(&mut map(&["a"])), Ok(()));
    }
}
