//! The client's identity in `Forwarded` and `X-Forwarded-*`, read and written.

use super::TrustedProxy;
use http::{HeaderName, header};
use plimsoll_driver::{Fields, FieldsMut};
use smallvec::SmallVec;
use std::{
    io::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// More hops than any honest chain has; beyond it the chain is cut on the far side.
const MOST_HOPS: usize = 32;

/// The scheme a client spoke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// Plain.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The proxy's knowledge of the connection that a request came on.
#[derive(Clone, Copy, Debug)]
pub struct Forwarding<'a> {
    /// The peer of the connection.
    pub peer: IpAddr,
    /// The scheme of the connection.
    pub scheme: Scheme,
    /// The proxies whose `X-Forwarded-*` and `Forwarded` are believed.
    pub trusted: &'a [TrustedProxy],
}

impl Forwarding<'_> {
    /// The peer's own address: IPv4 is IPv4 however the socket shows it.
    fn peer(&self) -> IpAddr {
        self.peer.to_canonical()
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|trust| trust.covers(address))
    }

    /// Returns whether the peer sent a client's address and is not trusted: an unconfigured proxy, or a spoofing
    /// client.
    #[inline]
    pub fn is_doubted(&self, headers: &impl Fields) -> bool {
        headers.names().any(says_who) && !self.trusts(self.peer())
    }

    /// Returns whether no proxy has set any of its fields on the way here. Then the [fields for the next
    /// hop](Self::forwarded_headers) depend on the connection and on `Host` alone.
    #[inline]
    pub fn is_direct(headers: &impl Fields) -> bool {
        !headers.names().any(is_of_proxies)
    }

    /// Returns the client's address: the peer's, or, from a trusted peer, the last address in `X-Forwarded-For` that is
    /// not itself trusted. Anyone could have written the addresses left of it.
    pub fn client(&self, headers: &impl Fields) -> IpAddr {
        let mut client = self.peer();
        if !self.trusts(client) {
            return client;
        }
        for address in chain(headers).into_iter().rev() {
            let Some(address) = address else { break };
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        client
    }

    /// Returns the fields about the client for the next hop. Takes off `headers` what it replaces: the peer's address
    /// is appended to `X-Forwarded-For` and `Forwarded` where the peer is trusted, else both are written anew; so are
    /// `X-Forwarded-Proto` and `X-Forwarded-Host`, whose values from a trusted peer are kept. From a peer that is not
    /// trusted, every field that [only a proxy may set](is_told_by_proxies) is removed.
    ///
    /// No allocation for a peer that is not trusted, unless the host is a long one.
    pub fn forwarded_headers(&self, headers: &mut impl FieldsMut) -> Forwarded {
        let peer = self.peer();
        let trusted = self.trusts(peer);
        let host = headers.value_of(&header::HOST).map(Text::from_slice);
        let (mut chain, mut nodes) = (Text::new(), Text::new());
        if trusted {
            list(headers, &X_FORWARDED_FOR, &mut chain);
            list(headers, &header::FORWARDED, &mut nodes);
        }
        let before = chain.len();
        address_text(&mut chain, peer);
        node(&mut nodes, (peer.is_ipv6(), &chain[before..]), self.scheme, host.as_deref());
        // One look at each name: most requests come straight from a client.
        let told_before = !Self::is_direct(headers);
        if told_before && trusted {
            headers.remove(&X_FORWARDED_FOR);
            headers.remove(&header::FORWARDED);
        } else if told_before {
            headers.keep(|name| !is_of_proxies(name));
        }
        let keeps = |name: HeaderName| told_before && headers.value_of(&name).is_some();
        let proto = (!keeps(X_FORWARDED_PROTO)).then_some(self.scheme);
        let host = host.filter(|_| !keeps(X_FORWARDED_HOST));
        Forwarded { chain, nodes, proto, host, doubted: told_before && !trusted }
    }
}

/// Fields about the client for the next hop, to be added to a head.
#[derive(Clone, Debug)]
pub struct Forwarded {
    chain: Text,
    nodes: Text,
    proto: Option<Scheme>,
    host: Option<Text>,
    doubted: bool,
}

impl Forwarded {
    /// Returns whether the peer sent a client's address and is not trusted: see [`Strangers`](super::Strangers).
    pub const fn is_doubted(&self) -> bool {
        self.doubted
    }

    /// Passes each field to `put`.
    pub fn for_each(&self, mut put: impl FnMut(&HeaderName, &[u8])) {
        put(&X_FORWARDED_FOR, &self.chain);
        put(&header::FORWARDED, &self.nodes);
        if let Some(scheme) = self.proto {
            put(&X_FORWARDED_PROTO, scheme.name().as_bytes());
        }
        if let Some(host) = &self.host {
            put(&X_FORWARDED_HOST, host);
        }
    }
}

/// Returns whether only a trusted proxy may set this field: it names the client (`Forwarded`, `X-Forwarded-*`,
/// `X-Real-IP`, `X-Client-IP`, `X-Cluster-Client-IP`, `True-Client-IP`, `CF-Connecting-IP`, `Fastly-Client-IP`), or
/// the target before a rewrite (`X-Original-URL`, `X-Rewrite-URL` and similar ones), which some frameworks route by.
///
/// The service would trust the value, so it must not come from an untrusted peer.
pub fn is_told_by_proxies(name: &HeaderName) -> bool {
    is_of_proxies(name.as_str().as_bytes())
}

fn is_of_proxies(name: &[u8]) -> bool {
    match name {
        [b'x', b'-', rest @ ..] => {
            rest.starts_with(b"forwarded")
                || rest.starts_with(b"original-")
                || matches!(rest, b"real-ip" | b"client-ip" | b"cluster-client-ip" | b"rewrite-url")
        }
        [b'f', ..] => matches!(name, b"forwarded" | b"forwarded-for" | b"fastly-client-ip"),
        [b't', ..] => name == b"true-client-ip",
        [b'c', ..] => matches!(name, b"client-ip" | b"cf-connecting-ip" | b"cf-connecting-ipv6"),
        _ => false,
    }
}

/// Returns whether the field names a client.
fn says_who(name: &[u8]) -> bool {
    matches!(name, b"x-forwarded-for" | b"forwarded" | b"x-real-ip")
}

/// Returns the addresses of `X-Forwarded-For`, left to right; `None` for an element that is no address.
fn chain(headers: &impl Fields) -> Vec<Option<IpAddr>> {
    let name = X_FORWARDED_FOR;
    let words = headers.values_of(&name).flat_map(|value| {
        str::from_utf8(value).ok().filter(|value| value.is_ascii()).unwrap_or("?").split(',')
    });
    let mut chain: Vec<_> = words.map(|word| Some(address(word.trim())?.to_canonical())).collect();
    let excess = chain.len().saturating_sub(MOST_HOPS);
    chain.drain(..excess);
    chain
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Some((address, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    text.split_once(':').and_then(|(address, _)| address.parse::<Ipv4Addr>().ok()).map(IpAddr::V4)
}

/// Most addresses and nodes fit; a longer one moves to the heap.
type Text = SmallVec<[u8; 96]>;

/// Appends an address. The four numbers of IPv4, which every request needs, without the formatting machinery.
fn address_text(text: &mut Text, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let mut digits = itoa::Buffer::new();
            for (at, octet) in address.octets().into_iter().enumerate() {
                if at > 0 {
                    text.push(b'.');
                }
                text.extend_from_slice(digits.format(octet).as_bytes());
            }
        }
        // A vector takes whatever is written to it.
        IpAddr::V6(address) => {
            let _ = write!(text, "{address}");
        }
    }
}

/// Appends one element of `Forwarded` ([RFC 7239](https://www.rfc-editor.org/rfc/rfc7239)). The peer's address is given
/// as text, and whether it is of IPv6.
fn node(text: &mut Text, (is_ipv6, peer): (bool, &[u8]), scheme: Scheme, host: Option<&[u8]>) {
    let (open, close): (&[u8], &[u8]) = if is_ipv6 { (b"for=\"[", b"]\"") } else { (b"for=", b"") };
    text.extend_from_slice(open);
    text.extend_from_slice(peer);
    text.extend_from_slice(close);
    text.extend_from_slice(b";proto=");
    text.extend_from_slice(scheme.name().as_bytes());
    // Quoted, since a port makes it no token; a host that could break out of the quotes is left out.
    let plain = |host: &&[u8]| {
        host.len() <= 255 && host.iter().all(|byte| byte.is_ascii_graphic() && !b"\"\\,;".contains(byte))
    };
    if let Some(host) = host.filter(plain) {
        text.extend_from_slice(b";host=\"");
        text.extend_from_slice(host);
        text.push(b'"');
    }
}

/// The elements of a list field that are there already, each followed by a comma.
fn list(headers: &impl Fields, name: &HeaderName, text: &mut Text) {
    for value in headers.values_of(name) {
        text.extend_from_slice(value);
        text.extend_from_slice(b", ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};

    fn told(peer: &str, trusted: &[&str], came: &[(&'static str, &'static str)]) -> (IpAddr, HeaderMap) {
        let trusted: Vec<TrustedProxy> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        let forwarding = Forwarding { peer: peer.parse().unwrap(), scheme: Scheme::Http, trusted: &trusted };
        let mut headers = HeaderMap::new();
        for (name, value) in came {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let client = forwarding.client(&headers);
        let forwarded = forwarding.forwarded_headers(&mut headers);
        forwarded.for_each(|name, value| {
            headers.insert(name, HeaderValue::from_bytes(value).unwrap());
        });
        (client, headers)
    }

    #[test]
    fn a_strangers_word_is_not_believed() {
        let came = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-proto", "https"), ("host", "shop.example")];
        let (client, headers) = told("203.0.113.9", &["10.0.0.0/8"], &came);
        assert_eq!(client, "203.0.113.9".parse::<IpAddr>().unwrap());
        assert_eq!(headers["x-forwarded-for"], "203.0.113.9");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-host"], "shop.example");
        assert_eq!(headers["forwarded"], "for=203.0.113.9;proto=http;host=\"shop.example\"");
    }

    #[test]
    fn nothing_that_only_a_proxy_may_say_is_left_of_a_stranger() {
        let told_by_proxies = [
            "x-forwarded-port",
            "x-forwarded-prefix",
            "x-forwarded-server",
            "x-forwarded",
            "x-real-ip",
            "x-client-ip",
            "client-ip",
            "x-cluster-client-ip",
            "x-original-url",
            "x-original-forwarded-for",
            "x-rewrite-url",
            "true-client-ip",
            "cf-connecting-ip",
            "fastly-client-ip",
            "forwarded-for",
        ];
        let came = told_by_proxies.map(|name| (name, "6.6.6.6"));
        let (_, headers) = told("203.0.113.9", &["10.0.0.0/8"], &came);
        let (_, believed) = told("10.0.0.1", &["10.0.0.0/8"], &came);
        for name in told_by_proxies {
            assert!(!headers.contains_key(name), "{name}");
            assert_eq!(believed[name], "6.6.6.6", "{name}");
        }
        for name in ["x-request-id", "cookie", "from", "te", "x-real-ip-2", "x-api-key"] {
            assert!(!is_told_by_proxies(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn a_trusted_hop_is_looked_through() {
        let came = [("x-forwarded-for", "6.6.6.6, 198.51.100.7, 10.0.0.2"), ("x-forwarded-proto", "https")];
        let (client, headers) = told("10.0.0.3", &["10.0.0.0/8"], &came);
        assert_eq!(
            client,
            "198.51.100.7".parse::<IpAddr>().unwrap(),
            "what stands left of it could be forged"
        );
        assert_eq!(headers["x-forwarded-for"], "6.6.6.6, 198.51.100.7, 10.0.0.2, 10.0.0.3");
        assert_eq!(headers["x-forwarded-proto"], "https");
    }

    #[test]
    fn a_request_is_direct_until_a_proxy_has_said_something() {
        let fields = |name: &'static str| {
            HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static("1"))])
        };
        assert!(Forwarding::is_direct(&fields("host")));
        assert!(!Forwarding::is_direct(&fields("x-forwarded-proto")));
        assert!(!Forwarding::is_direct(&fields("forwarded")));
    }

    #[test]
    fn nonsense_in_the_chain_ends_it() {
        let (client, _) =
            told("10.0.0.3", &["10.0.0.0/8"], &[("x-forwarded-for", "1.2.3.4, unknown, 10.9.9.9")]);
        assert_eq!(client, "10.9.9.9".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn addresses_come_with_and_without_ports() {
        for (text, want) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
        ] {
            assert_eq!(address(text), Some(want.parse().unwrap()), "{text}");
        }
        assert_eq!(address("_hidden"), None);
    }

    #[test]
    fn an_ipv4_address_is_one_however_it_is_written() {
        let (client, headers) = told("::ffff:192.0.2.1", &[], &[]);
        assert_eq!(client, "192.0.2.1".parse::<IpAddr>().unwrap());
        assert_eq!(headers["x-forwarded-for"], "192.0.2.1");
        let came = [("x-forwarded-for", "::ffff:203.0.113.9, ::ffff:10.0.0.7")];
        let (client, _) = told("::ffff:10.0.0.1", &["10.0.0.0/8"], &came);
        assert_eq!(client, "203.0.113.9".parse::<IpAddr>().unwrap());
    }
}
