//! Headers that concern one connection only ([RFC 9110, section 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)).

use http::{HeaderMap, HeaderName, HeaderValue, header};
use smallvec::SmallVec;
use std::str;

/// Fields that `Connection` may not take away, since routing, framing or safety hang on them.
const KEPT: [HeaderName; 5] =
    [header::HOST, header::CONTENT_LENGTH, header::CONTENT_TYPE, header::AUTHORIZATION, header::COOKIE];

/// Takes off what concerns the connection it came on: the fields that `Connection` names, and `Connection`,
/// `Keep-Alive`, `Proxy-Connection`, `Proxy-Authenticate`, `Proxy-Authorization`, `TE`, `Transfer-Encoding`, `Upgrade`
/// themselves. `TE: trailers` is put back: it is end to end in gRPC.
///
/// A client that names `Host`, `Authorization` and their like in `Connection` to have them disappear on the way does
/// not get its will. No allocation unless `Connection` names a field.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    // One look at each name is cheaper than a look-up for each of eight that are almost never there.
    let found: SmallVec<[HeaderName; 8]> =
        headers.keys().filter(|name| is_hop_by_hop(name)).cloned().collect();
    if found.is_empty() {
        return;
    }
    let trailers = found.contains(&header::TE) && accepts_trailers(headers);
    if found.contains(&header::CONNECTION) {
        strip_named(headers);
    }
    for name in found {
        headers.remove(name);
    }
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    let name = name.as_str();
    match name.len() {
        2 => name == "te",
        7 => name == "upgrade",
        10 => name == "connection" || name == "keep-alive",
        16 => name == "proxy-connection",
        17 => name == "transfer-encoding",
        18 => name == "proxy-authenticate",
        19 => name == "proxy-authorization",
        _ => false,
    }
}

fn accepts_trailers(headers: &HeaderMap) -> bool {
    headers.get_all(header::TE).iter().flat_map(tokens).any(|token| token.eq_ignore_ascii_case("trailers"))
}

fn strip_named(headers: &mut HeaderMap) {
    let mut values = headers.get_all(header::CONNECTION).iter();
    let plain = |token: &str| token.eq_ignore_ascii_case("keep-alive") || token.eq_ignore_ascii_case("close");
    if values.by_ref().flat_map(tokens).all(plain) {
        headers.remove(header::CONNECTION);
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(tokens)
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        .filter(|name| !KEPT.contains(name))
        .collect();
    headers.remove(header::CONNECTION);
    for name in named {
        headers.remove(name);
    }
}

/// The protocol an upgrade is asked for (or agreed on): the `Upgrade` field of a message whose `Connection` names it.
pub fn upgrade_of(headers: &HeaderMap) -> Option<&HeaderValue> {
    let named = || headers.get_all(header::CONNECTION).iter().flat_map(tokens);
    let upgrade = headers.get(header::UPGRADE)?;
    named().any(|token| token.eq_ignore_ascii_case("upgrade")).then_some(upgrade)
}

/// The comma-separated words of a field.
fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    str::from_utf8(value.as_bytes()).unwrap_or("").split(',').map(str::trim).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut map = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn takes_off_what_is_named_and_what_is_known() {
        let mut map = headers(&[
            ("connection", "keep-alive, X-Private"),
            ("keep-alive", "timeout=5"),
            ("x-private", "1"),
            ("x-public", "1"),
            ("upgrade", "h2c"),
            ("transfer-encoding", "chunked"),
            ("te", "gzip, trailers"),
            ("proxy-authorization", "secret"),
        ]);
        strip_hop_by_hop(&mut map);
        assert_eq!(map, headers(&[("x-public", "1"), ("te", "trailers")]));
    }

    #[test]
    fn the_fields_that_matter_cannot_be_named_away() {
        let mut map =
            headers(&[("connection", "authorization, host, cookie"), ("authorization", "a"), ("host", "h")]);
        strip_hop_by_hop(&mut map);
        assert_eq!(map, headers(&[("authorization", "a"), ("host", "h")]));
    }

    #[test]
    fn an_upgrade_counts_only_if_the_connection_names_it() {
        let asked = headers(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]);
        assert_eq!(upgrade_of(&asked).unwrap(), "websocket");
        assert!(upgrade_of(&headers(&[("upgrade", "websocket")])).is_none());
        assert!(upgrade_of(&headers(&[("connection", "upgrade")])).is_none());
    }
}
