//! Authentication of requests to the admin address.
//!
//! Loopback keeps out other machines, not the pages that a browser on this one has open. Without a token the name keeps
//! those out: a page of a site whose name was turned to 127.0.0.1 (DNS rebinding) still sends that name as `Host`.

use super::super::slots::Slot;
use crate::Problem;
use http::{HeaderValue, Request, header, uri::Authority};
use std::net::{IpAddr, Ipv6Addr};

/// The refusal of a request to an admin address that may not be made; for an admin of one's own.
///
/// With a token, `known` says whether the one that was shown (`authorization: Bearer TOKEN`) is right, in a time that
/// tells nothing of it; `/livez` and `/readyz` need none, for who restarts and routes by them has none, and learns one
/// bit. Without a token, only a request to an address or to `localhost` is let through: a page of another site that a
/// browser here has open cannot pretend to be one of ours. That is enough on loopback, and nowhere else.
///
/// A request that changes something needs one more check against such a page: require a content type that no form can
/// send, such as `application/json`.
///
/// ```
/// use http::Request;
/// use plimsoll_http::{Kind, serve::admin_refusal};
///
/// let ask = |host: &str| Request::get("/metrics").header("host", host).body(()).unwrap();
/// assert!(admin_refusal(&ask("127.0.0.1:9901"), None).is_none());
/// assert_eq!(admin_refusal(&ask("evil.example"), None).unwrap().kind(), Kind::Forbidden);
///
/// let known = |shown: &str| shown == "in a constant time, please";
/// assert_eq!(admin_refusal(&ask("localhost"), Some(&known)).unwrap().kind(), Kind::Unauthenticated);
/// ```
pub fn admin_refusal<B>(request: &Request<B>, known: Option<&dyn Fn(&str) -> bool>) -> Option<Problem> {
    match known {
        Some(known) => without_token(known, request),
        None => by_another_name(request),
    }
}

fn without_token<B>(known: &dyn Fn(&str) -> bool, request: &Request<B>) -> Option<Problem> {
    if matches!(request.uri().path(), "/livez" | "/readyz") {
        return None;
    }
    let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = value.and_then(|value| value.split_once(' '));
    if bearer.is_some_and(|(scheme, shown)| scheme.eq_ignore_ascii_case("bearer") && known(shown.trim())) {
        if let Some(place) = request.extensions().get::<Slot>() {
            place.keep();
        }
        return None;
    }
    let refused = Problem::unauthenticated("admin-token").detail("Send \"authorization: Bearer TOKEN\".");
    Some(refused.header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
}

fn by_another_name<B>(request: &Request<B>) -> Option<Problem> {
    let authority = request.uri().authority().map(Authority::as_str);
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = authority.or(host) else {
        return Some(Problem::bad_request("no-host").detail("There is no \"host\"."));
    };
    let detail = "Ask by IP address or as localhost; under other names only with a token for the admin.";
    (!is_local(host)).then(|| Problem::forbidden("not-by-this-name").detail(detail))
}

/// Whether it is an address or `localhost`, with a port or without.
fn is_local(host: &str) -> bool {
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    if let Some(v6) = host.strip_prefix('[') {
        let Some((address, port)) = v6.split_once(']') else { return false };
        let port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return port && address.parse::<Ipv6Addr>().is_ok();
    }
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    port.is_none_or(is_port) && (name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn only_addresses_and_localhost_are_local() {
        for yes in [
            "127.0.0.1",
            "127.0.0.1:9901",
            "localhost",
            "LocalHost:9901",
            "[::1]",
            "[::1]:9901",
            "10.0.0.7:1",
        ] {
            assert!(is_local(yes), "{yes}");
        }
        for no in [
            "",
            "evil.example",
            "evil.example:9901",
            "127.0.0.1.evil.example",
            "localhost.evil",
            "::1",
            "[::1",
            "127.0.0.1:x",
            "[evil]",
        ] {
            assert!(!is_local(no), "{no}");
        }
    }

    #[test]
    fn a_token_opens_what_the_probes_need_not() {
        let known = |shown: &str| shown == "0123456789abcdef";
        let ask = |path: &str, shown: &str| {
            let request = Request::get(path).header("authorization", shown).body(()).unwrap();
            admin_refusal(&request, Some(&known)).map(|problem| problem.kind())
        };
        assert_eq!(ask("/metrics", "Bearer 0123456789abcdef"), None);
        assert_eq!(ask("/metrics", "bearer  0123456789abcdef "), None);
        assert_eq!(ask("/metrics", "Bearer wrong"), Some(Kind::Unauthenticated));
        assert_eq!(ask("/metrics", "Basic 0123456789abcdef"), Some(Kind::Unauthenticated));
        assert_eq!(ask("/readyz", ""), None);
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        let nameless = Request::get("/metrics").body(()).unwrap();
        let refused = admin_refusal(&nameless, None).unwrap();
        assert_eq!(
            (refused.kind(), refused.detail_text()),
            (Kind::BadRequest, Some("There is no \"host\"."))
        );
        let other = Request::get("http://evil.example/metrics").header("host", "localhost").body(()).unwrap();
        let refused = admin_refusal(&other, None).unwrap();
        assert!(refused.detail_text().unwrap().contains("localhost; under other names only with a token"));
        let refused = admin_refusal(&nameless, Some(&|_| false)).unwrap();
        assert_eq!(refused.detail_text(), Some("Send \"authorization: Bearer TOKEN\"."));
        assert_eq!(refused.to_http().headers()["www-authenticate"], "Bearer");
    }
}
