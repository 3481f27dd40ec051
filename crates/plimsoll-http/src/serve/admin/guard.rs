//! Who may ask.

use super::AdminToken;
use crate::Problem;
use http::{HeaderValue, Request, header, uri::Authority};
use std::net::Ipv6Addr;

/// The refusal of a request that may not be made.
pub(super) fn refusal<B>(token: Option<&AdminToken>, request: &Request<B>) -> Option<Problem> {
    match token {
        Some(token) => without_token(token, request),
        None => by_another_name(request),
    }
}

fn without_token<B>(token: &AdminToken, request: &Request<B>) -> Option<Problem> {
    if matches!(request.uri().path(), "/livez" | "/readyz") {
        return None;
    }
    let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = value.and_then(|value| value.split_once(' '));
    let known =
        bearer.is_some_and(|(scheme, shown)| scheme.eq_ignore_ascii_case("bearer") && token.is(shown.trim()));
    let challenge = (header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    (!known).then(|| Problem::unauthenticated("admin-token").header(challenge.0, challenge.1))
}

/// Loopback keeps out other machines, not the pages that a browser on this one has open: a site whose name was turned to
/// 127.0.0.1 still sends that name.
fn by_another_name<B>(request: &Request<B>) -> Option<Problem> {
    let authority = request.uri().authority().map(Authority::as_str);
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = authority.or(host) else { return Some(Problem::bad_request("no-host")) };
    (!is_local(host))
        .then(|| Problem::forbidden("not-by-this-name").detail("Ask by address or as localhost."))
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
    let known = name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok();
    known && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn only_addresses_and_localhost_are_local() {
        for yes in ["127.0.0.1", "127.0.0.1:9901", "LocalHost:9901", "[::1]", "[::1]:9901"] {
            assert!(is_local(yes), "{yes}");
        }
        for no in ["", "evil.example", "127.0.0.1.evil.example", "::1", "[::1", "127.0.0.1:x", "[evil]"] {
            assert!(!is_local(no), "{no}");
        }
    }

    #[test]
    fn a_token_opens_what_the_probes_need_not() {
        let token = AdminToken::try_from("0123456789abcdef").unwrap();
        let ask = |path: &str, shown: &str| {
            let request = Request::get(path).header("authorization", shown).body(()).unwrap();
            refusal(Some(&token), &request).map(|problem| problem.kind())
        };
        assert_eq!(ask("/metrics", "Bearer 0123456789abcdef"), None);
        assert_eq!(ask("/metrics", "Bearer wrong"), Some(Kind::Unauthenticated));
        assert_eq!(ask("/metrics", "Basic 0123456789abcdef"), Some(Kind::Unauthenticated));
        assert_eq!(ask("/readyz", ""), None);
        assert_eq!(
            refusal(None, &Request::get("/metrics").body(()).unwrap()).map(|p| p.kind()),
            Some(Kind::BadRequest)
        );
    }
}
