//! Headers and target as they are sent on.

use super::{
    client::Client,
    client_fields::ClientFields,
    message::{Fields, RequestHead},
};
use crate::{h1::FieldWriter, route::Route};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, Version, header, uri::PathAndQuery};
use plimsoll::{
    driver::{Fields as _, FieldsMut as _},
    http::headers::{Forwarding, TRACEPARENT, TraceParent, X_REQUEST_ID, hex, strip_hop_by_hop, upgrade_of},
    policy::units::Ratio,
    tower::driver::draw,
};
use std::{borrow::Cow, rc::Rc};

/// How the gateway calls itself in `Via` and `Proxy-Status`.
pub(crate) const PSEUDONYM: &str = "plimsoll";

const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// The fields that the gateway adds to every forwarded request; they are written into the wire's buffer, not into a map.
#[derive(Debug)]
pub(crate) struct Added {
    client: Rc<ClientFields>,
    pub(crate) trace: TraceParent,
    /// Unless the client gave the request an id of its own.
    id: Option<u128>,
}

impl Added {
    /// Whether the peer said for whom it asks, and was not believed.
    pub(crate) fn is_doubted(&self) -> bool {
        self.client.is_doubted()
    }

    /// Writes them into a head.
    pub(crate) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.encoded(self.client.encoded());
        self.ids(|name, value| {
            fields.field(name, value);
        });
    }

    /// Passes the fields that each request has of its own to `put`.
    fn ids(&self, mut put: impl FnMut(&HeaderName, &[u8])) {
        put(&TRACEPARENT, &self.trace.text());
        if let Some(id) = self.id {
            let mut text = [0; 32];
            hex(&mut text, id);
            put(&X_REQUEST_ID, &text);
        }
    }

    /// Adds the fields to a map.
    pub(crate) fn insert(&self, headers: &mut HeaderMap) {
        let mut append = |name: &HeaderName, value: &[u8]| {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.append(name, value);
            }
        };
        self.client.each(&mut append);
        self.ids(append);
    }
}

/// Fields of a request that are rarely there, and what they say to a proxy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Special {
    expect: bool,
    http2_settings: bool,
    request_id: bool,
    /// The protocol an upgrade is asked for.
    upgrade: Option<HeaderValue>,
}

impl Special {
    /// Reads them in one pass: a look at each name is cheaper than a look-up for each field.
    pub(crate) fn of(fields: &Fields) -> Self {
        let mut found = Self::default();
        let mut upgrade = false;
        for name in fields.names() {
            match name {
                b"expect" => found.expect = true,
                b"upgrade" => upgrade = true,
                b"x-request-id" => found.request_id = true,
                b"http2-settings" => found.http2_settings = true,
                _ => {}
            }
        }
        if upgrade {
            found.upgrade = upgrade_of(fields).and_then(|protocol| HeaderValue::from_bytes(protocol).ok());
        }
        found
    }

    /// Whether another protocol is asked for.
    pub(crate) const fn asks_for_upgrade(&self) -> bool {
        self.upgrade.is_some()
    }
}

/// Makes a client's headers those of the request sent on, but for what is [`Added`].
pub(crate) fn request(head: &mut RequestHead, special: Special, client: &Client<'_>, sample: Ratio) -> Added {
    let fields = &mut head.fields;
    strip_hop_by_hop(fields);
    if special.expect {
        // The client's connection has been told to go on by the time an endpoint sees the body.
        fields.remove(&header::EXPECT);
    }
    if special.http2_settings {
        fields.remove(&HTTP2_SETTINGS);
    }
    if let Some(upgrade) = special.upgrade.filter(|protocol| !is_http2(protocol)) {
        fields.set(header::UPGRADE, upgrade);
    }
    let forwarding = Forwarding { peer: client.peer, scheme: client.scheme, trusted: client.trusted };
    let about = client.fields.of(&forwarding, head);
    let fields = &mut head.fields;
    let bits = draw();
    let fresh = u128::from(bits.bits()) << 64 | u128::from(draw().bits());
    let sampled = sample == Ratio::ONE || draw().unit() < sample.get();
    let trace = TraceParent::pass_on(fields, fresh, bits.split().bits(), sampled);
    let id = (!special.request_id || fields.value_of(&X_REQUEST_ID).is_none()).then_some(fresh);
    Added { client: about, trace, id }
}

/// Whether the client asks to go on in HTTP/2. That is for this hop alone, and an endpoint that agreed would serve the
/// client through a tunnel, past every route and policy.
fn is_http2(protocol: &HeaderValue) -> bool {
    protocol.as_bytes().split(|byte| *byte == b',').any(|protocol| {
        let name = protocol.trim_ascii().split(|byte| *byte == b'/').next().unwrap_or_default();
        name.eq_ignore_ascii_case(b"h2c") || name.eq_ignore_ascii_case(b"h2")
    })
}

/// Makes an endpoint's headers those of the response to the client, but for [`via`]. The fields of a switched protocol
/// stay.
pub(crate) fn response(fields: &mut Fields, switching: bool) {
    let upgrade = if switching { fields.value_of(&header::UPGRADE) } else { None };
    let upgrade = upgrade.and_then(|protocol| HeaderValue::from_bytes(protocol).ok());
    strip_hop_by_hop(fields);
    if let Some(upgrade) = upgrade {
        fields.set(header::UPGRADE, upgrade);
    }
}

/// This hop, for a message that came by this version
/// ([RFC 9110, section 7.6.3](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.3)).
pub(crate) const fn via(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0 plimsoll",
        Version::HTTP_2 => "2.0 plimsoll",
        _ => "1.1 plimsoll",
    }
}

/// The target sent on: the path with its prefix rewritten, and the query as it came. Borrowed where nothing changes.
pub(crate) fn target<'a>(uri: &'a Uri, route: &Route) -> Cow<'a, str> {
    let (path, query) = (uri.path(), uri.query());
    let Some(rewrite) = &route.rewrite else {
        return Cow::Borrowed(uri.path_and_query().map_or("/", PathAndQuery::as_str));
    };
    let rest = route.path.rest(path).unwrap_or("");
    let front = rewrite.as_str().trim_end_matches('/');
    let rest = rest.trim_start_matches('/');
    let slash = !rest.is_empty() || rewrite.as_str().ends_with('/') || path.ends_with('/');
    let path = if slash { format!("{front}/{rest}") } else { front.to_owned() };
    Cow::Owned(joined(&path, query))
}

fn joined(path: &str, query: Option<&str>) -> String {
    query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
}
