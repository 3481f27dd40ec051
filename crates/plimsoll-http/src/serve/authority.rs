//! The host of a request: exactly one, well formed.

use crate::Problem;
use http::{HeaderValue, Request, Version, header};

/// Returns why a request is refused that does not name one host, or a malformed one
/// ([RFC 9112, section 3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2),
/// [RFC 9113, section 8.3.1](https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1)): whoever stands before the server and
/// the app behind it would take such a request for different hosts. HTTP/1.0 may name none.
pub(super) fn refusal<B>(request: &Request<B>) -> Option<Problem> {
    let refused = |code, detail| Some(Problem::bad_request(code).detail(detail));
    // One look at each name: cheaper than to hash one.
    let mut hosts = request.headers().iter().filter(|(name, _)| **name == header::HOST);
    let host = hosts.next().map(|(_, host)| host);
    if hosts.next().is_some() {
        return refused("host-repeated", "There is more than one \"host\".");
    }
    if host.is_some_and(|host| !is_authority(host.as_bytes())) {
        return refused("host-invalid", "The \"host\" is no name or address with or without a port.");
    }
    match (host, request.uri().authority()) {
        (None, None) if request.version() == Version::HTTP_10 => None,
        (None, None) => refused("host-missing", "There is no \"host\"."),
        (_, Some(authority)) if !is_authority(authority.as_str().as_bytes()) => {
            refused("host-invalid", "The target's authority is no name or address with or without a port.")
        }
        (Some(host), Some(authority)) if !is_same(host, authority.as_str(), request.uri().scheme_str()) => {
            refused("host-contradicts-target", "The \"host\" names another authority than the target.")
        }
        _ => None,
    }
}

/// Whether both name the same; a default port may be left out.
fn is_same(host: &HeaderValue, authority: &str, scheme: Option<&str>) -> bool {
    let port: &[u8] = if scheme == Some("https") { b":443" } else { b":80" };
    let plain = |name| <[u8]>::strip_suffix(name, port).unwrap_or(name);
    plain(host.as_bytes()).eq_ignore_ascii_case(plain(authority.as_bytes()))
}

/// Whether it is `host[:port]`: a name of letters, digits and `-._~`, an IPv4 address, or an IPv6 address in brackets.
/// Stricter than RFC 3986, whose names may hold escapes and delimiters that readers take apart differently.
fn is_authority(value: &[u8]) -> bool {
    let (host_is_fine, port) = if let [b'[', rest @ ..] = value {
        let Some(close) = rest.iter().position(|byte| *byte == b']') else { return false };
        let address = str::from_utf8(&rest[..close]).ok();
        let fine = address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
        (fine, &rest[close + 1..])
    } else {
        // What ends it must be its port.
        let end = value.iter().position(|byte| !IN_NAME[usize::from(*byte)]).unwrap_or(value.len());
        (end > 0, &value[end..])
    };
    let port_is_fine = match port {
        [] => true,
        [b':', digits @ ..] => {
            digits.iter().all(u8::is_ascii_digit)
                && str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u16>().is_ok())
        }
        _ => false,
    };
    host_is_fine && port_is_fine
}

/// Whether a byte may stand in a name or an IPv4 address.
const IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn why(request: http::request::Builder) -> Option<String> {
        refusal(&request.body(()).unwrap()).and_then(|problem| problem.detail_text().map(str::to_owned))
    }

    #[test]
    fn one_host_that_agrees_with_the_target() {
        let get = |uri: &str| Request::get(uri);
        for fine in [
            get("/").header("host", "a"),
            get("/").header("host", "[::1]:80"),
            get("http://A:80/").header("host", "a"),
            get("https://a/").header("host", "a:443"),
            get("http://a/").version(Version::HTTP_2),
            get("/").version(Version::HTTP_2).header("host", "a.b-c_d~e:65535"),
            get("/").version(Version::HTTP_10),
        ] {
            assert_eq!(why(fine), None);
        }
        for (wrong, word) in [
            (get("/"), "no \"host\""),
            (get("/").version(Version::HTTP_2), "no \"host\""),
            (get("/").header("host", "a").header("host", "a"), "more than one"),
            (get("/").version(Version::HTTP_10).header("host", "a").header("host", "b"), "more than one"),
            (get("http://b/").header("host", "a"), "another authority"),
            (get("http://u@a/"), "authority is no name"),
            (get("http://a/").header("host", "a:81"), "another authority"),
        ] {
            let told = why(wrong);
            assert!(told.as_deref().is_some_and(|told| told.contains(word)), "{told:?} {word}");
        }
        for host in [
            "", " ", ":80", "a:", "a:b", "a:65536", "a:+1", "a b", "a/b", "a@b", "a,b", "[::1", "[a]", "a%41",
        ] {
            assert!(why(get("/").header("host", host)).is_some(), "{host:?}");
        }
    }
}
