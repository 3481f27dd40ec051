//! Headers and target as they are sent on.

use super::{Client, Fault};
use crate::snapshot::Route;
use http::{HeaderMap, HeaderName, HeaderValue, Version, header, request, uri::PathAndQuery};
use plimsoll::{
    http::headers::{Forwarding, TraceParent, X_REQUEST_ID, strip_hop_by_hop, upgrade_of},
    tower::driver::draw,
};
use std::borrow::Cow;

/// How the gateway calls itself in `Via` and `Proxy-Status`.
pub(crate) const PSEUDONYM: &str = "plimsoll";

const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Makes a client's headers those of the request sent on. Gives the trace it belongs to.
pub(crate) fn request(parts: &mut request::Parts, client: &Client<'_>) -> TraceParent {
    let upgrade = upgrade_of(&parts.headers).filter(|protocol| !is_http2(protocol)).cloned();
    let headers = &mut parts.headers;
    strip_hop_by_hop(headers);
    // The client's connection has been told to go on by the time an endpoint sees the body.
    headers.remove(header::EXPECT);
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(HTTP2_SETTINGS);
    if let Some(upgrade) = upgrade {
        headers.insert(header::UPGRADE, upgrade);
    }
    if !headers.contains_key(header::HOST)
        && let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        headers.insert(header::HOST, host);
    }
    let forwarding = Forwarding { peer: client.peer, scheme: client.scheme, trusted: client.trusted };
    forwarding.apply(headers);
    via(headers, parts.version);
    let bits = draw();
    let fresh = u128::from(bits.bits()) << 64 | u128::from(draw().bits());
    let trace = TraceParent::pass_on(headers, fresh, bits.split().bits());
    if !headers.contains_key(X_REQUEST_ID)
        && let Ok(id) = HeaderValue::try_from(format!("{fresh:032x}"))
    {
        headers.insert(X_REQUEST_ID, id);
    }
    trace
}

/// Whether the client asks to go on in HTTP/2. That is for this hop alone, and an endpoint that agreed would serve the
/// client through a tunnel, past every route and policy.
fn is_http2(protocol: &HeaderValue) -> bool {
    let protocols = protocol.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    protocols.into_iter().any(|protocol| {
        let name = protocol.split(|byte| *byte == b'/').next().unwrap_or_default();
        name.eq_ignore_ascii_case(b"h2c") || name.eq_ignore_ascii_case(b"h2")
    })
}

/// Makes an endpoint's headers those of the answer to the client. The fields of a switched protocol stay.
pub(crate) fn answer(headers: &mut HeaderMap, version: Version, switching: bool) {
    let upgrade = if switching { headers.get(header::UPGRADE).cloned() } else { None };
    strip_hop_by_hop(headers);
    if let Some(upgrade) = upgrade {
        headers.insert(header::UPGRADE, upgrade);
    }
    via(headers, version);
}

/// Appends this hop ([RFC 9110, section 7.6.3](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.3)).
fn via(headers: &mut HeaderMap, version: Version) {
    const NAME: HeaderName = header::VIA;
    let value = match version {
        Version::HTTP_10 => HeaderValue::from_static("1.0 plimsoll"),
        Version::HTTP_2 => HeaderValue::from_static("2.0 plimsoll"),
        _ => HeaderValue::from_static("1.1 plimsoll"),
    };
    headers.append(NAME, value);
}

/// The target sent on: the normalised path with its prefix rewritten, and the query as it came. Borrowed where nothing
/// changes.
pub(crate) fn target<'a>(
    parts: &'a request::Parts,
    path: &str,
    route: &Route,
) -> Result<Cow<'a, str>, Fault> {
    let query = parts.uri.query();
    let as_came = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let Some(rewrite) = &route.rewrite else {
        // An absolute target without a path may begin with its query: it is given the path that it means.
        if parts.uri.path() == path && as_came.starts_with('/') {
            return Ok(Cow::Borrowed(as_came));
        }
        return Ok(Cow::Owned(joined(path, query)));
    };
    let rest = route.path.rest(path).unwrap_or("");
    let front = rewrite.as_str().trim_end_matches('/');
    let rest = rest.trim_start_matches('/');
    let slash = !rest.is_empty() || rewrite.as_str().ends_with('/') || path.ends_with('/');
    let path = if slash { format!("{front}/{rest}") } else { front.to_owned() };
    Ok(Cow::Owned(joined(&path, query)))
}

fn joined(path: &str, query: Option<&str>) -> String {
    query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
}
