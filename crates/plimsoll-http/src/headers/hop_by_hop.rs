//! Headers that concern one connection only ([RFC 9110, section
//! 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)).

use http::{HeaderName, HeaderValue, header};
use plimsoll_driver::{Fields, FieldsMut};

/// Fields that `Connection` may not take away, since routing, framing or safety hang on them.
const KEPT: [HeaderName; 5] =
    [header::HOST, header::CONTENT_LENGTH, header::CONTENT_TYPE, header::AUTHORIZATION, header::COOKIE];

/// Takes off what concerns the connection it came on: the fields that `Connection` names, and `Connection`,
/// `Keep-Alive`, `Proxy-Connection`, `Proxy-Authenticate`, `Proxy-Authorization`, `TE`, `Transfer-Encoding`, `Upgrade`
/// themselves. `TE: trailers` is put back: it is end to end in gRPC.
///
/// A client that names `Host`, `Authorization` and their like in `Connection` to have them disappear on the way does
/// not get its will. No allocation unless `Connection` names a field.
pub fn strip_hop_by_hop(headers: &mut impl FieldsMut) {
    // One look at each name is cheaper than a look-up for each of eight that are almost never there.
    let found = headers.names().filter_map(place_of).fold(0_u8, |found, at| found | 1 << at);
    if found == 0 {
        return;
    }
    let has = |at: usize| found & 1 << at != 0;
    let trailers = has(TE) && accepts_trailers(headers);
    if has(CONNECTION) {
        strip_named(headers);
    }
    headers.keep(|name| place_of(name).is_none());
    if trailers {
        headers.set(header::TE, HeaderValue::from_static("trailers"));
    }
}

/// Fields that are always of one connection only.
static ALWAYS: [HeaderName; 8] = [
    header::CONNECTION,
    header::TE,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
];
const CONNECTION: usize = 0;
const TE: usize = 1;

/// Where it stands in [`ALWAYS`].
fn place_of(name: &[u8]) -> Option<usize> {
    let at = match name.len() {
        2 => TE,
        7 => 2,
        10 if name[0] == b'c' => CONNECTION,
        10 => 3,
        16 => 4,
        17 => 5,
        18 => 6,
        19 => 7,
        _ => return None,
    };
    (name == ALWAYS[at].as_str().as_bytes()).then_some(at)
}

fn accepts_trailers(headers: &impl Fields) -> bool {
    headers.values_of(&header::TE).flat_map(tokens).any(|token| token.eq_ignore_ascii_case(b"trailers"))
}

fn strip_named(headers: &mut impl FieldsMut) {
    let plain =
        |token: &[u8]| token.eq_ignore_ascii_case(b"keep-alive") || token.eq_ignore_ascii_case(b"close");
    if headers.values_of(&header::CONNECTION).flat_map(tokens).all(plain) {
        return;
    }
    let named: Vec<HeaderName> = headers
        .values_of(&header::CONNECTION)
        .flat_map(tokens)
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .filter(|name| !KEPT.contains(name))
        .collect();
    headers.keep(|name| !named.iter().any(|named| named.as_str().as_bytes() == name));
}

/// The protocol an upgrade is asked for (or agreed on): the `Upgrade` field of a message whose `Connection` names it.
pub fn upgrade_of(headers: &impl Fields) -> Option<&[u8]> {
    let upgrade = headers.value_of(&header::UPGRADE)?;
    let mut named = headers.values_of(&header::CONNECTION).flat_map(tokens);
    named.any(|token| token.eq_ignore_ascii_case(b"upgrade")).then_some(upgrade)
}

/// The comma-separated words of a field.
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

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
    fn each_is_found_where_it_stands() {
        for (at, name) in ALWAYS.iter().enumerate() {
            assert_eq!(place_of(name.as_str().as_bytes()), Some(at), "{name}");
        }
        assert_eq!((ALWAYS[CONNECTION].as_str(), ALWAYS[TE].as_str()), ("connection", "te"));
        assert_eq!(place_of(b"host"), None);
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
        assert_eq!(upgrade_of(&asked).unwrap(), b"websocket");
        assert!(upgrade_of(&headers(&[("upgrade", "websocket")])).is_none());
        assert!(upgrade_of(&headers(&[("connection", "upgrade")])).is_none());
    }
}
