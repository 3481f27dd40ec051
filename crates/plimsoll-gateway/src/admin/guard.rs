//! Who may ask.
//!
//! Loopback keeps out other machines, not the pages that a browser on this one has open. Without a token two things keep
//! those out: a page of a site whose name was turned to 127.0.0.1 (DNS rebinding) still sends that name as `Host`; and a
//! form or a simple script of another site cannot send `application/json` without asking first, which nobody answers.

use super::answer::Answer;
use crate::{control::Plane, spec::Secret};
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use plimsoll::http::Kind;
use std::net::{IpAddr, Ipv6Addr};

/// The refusal of a request that may not be made.
pub(super) fn refusal<B>(plane: &Plane, request: &Request<B>) -> Option<Response<Body>> {
    let spec = plane.gateway().spec();
    let token = spec.admin.as_ref().and_then(|admin| admin.token.as_ref());
    let refused = match token {
        Some(token) => without_token(token, request),
        None => by_another_name(request),
    };
    if refused.is_some() {
        return refused;
    }
    if changes(request.method()) && !is_json(request.headers()) {
        let detail = "Send \"content-type: application/json\", with a request that has no body as well.";
        return Some(Answer::problem(Kind::UnsupportedMediaType, detail));
    }
    None
}

fn without_token<B>(token: &Secret, request: &Request<B>) -> Option<Response<Body>> {
    // Whoever restarts or routes by these has no token, and learns one bit.
    if matches!(request.uri().path(), "/livez" | "/readyz") {
        return None;
    }
    let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = value.and_then(|value| value.split_once(' '));
    let known =
        bearer.is_some_and(|(scheme, shown)| scheme.eq_ignore_ascii_case("bearer") && token.is(shown.trim()));
    if known {
        return None;
    }
    let mut refused = Answer::problem(Kind::Unauthenticated, "Send \"authorization: Bearer TOKEN\".");
    refused.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Some(refused)
}

fn by_another_name<B>(request: &Request<B>) -> Option<Response<Body>> {
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = authority.or(host) else {
        return Some(Answer::problem(Kind::BadRequest, "There is no \"host\"."));
    };
    if is_local_name(host) {
        return None;
    }
    let detail = "Ask by IP address or as localhost; under other names only with a token ([admin] token).";
    Some(Answer::problem(Kind::Forbidden, detail))
}

/// Whether it is an address or `localhost`, with a port or without.
fn is_local_name(host: &str) -> bool {
    if let Some(v6) = host.strip_prefix('[') {
        let Some((address, port)) = v6.split_once(']') else { return false };
        let port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return port && address.parse::<Ipv6Addr>().is_ok();
    }
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    port.is_none_or(is_port) && (name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok())
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    ["application/json", "application/merge-patch+json"].iter().any(|json| essence.eq_ignore_ascii_case(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_localhost_are_local_names() {
        for yes in [
            "127.0.0.1",
            "127.0.0.1:9901",
            "localhost",
            "LocalHost:9901",
            "[::1]",
            "[::1]:9901",
            "10.0.0.7:1",
        ] {
            assert!(is_local_name(yes), "{yes}");
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
            assert!(!is_local_name(no), "{no}");
        }
    }

    #[test]
    fn a_form_is_no_json() {
        let is = |value: &'static str| {
            is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]))
        };
        assert!(
            is("application/json")
                && is("Application/JSON; charset=utf-8")
                && is("application/merge-patch+json")
        );
        assert!(
            !is("text/plain")
                && !is("application/x-www-form-urlencoded")
                && !is("text/plain; application/json")
        );
        assert!(!is_json(&HeaderMap::new()));
    }
}
