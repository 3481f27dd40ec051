//! Access control: the library's guard, and a rule of the gateway's for changes.
//!
//! A form or a simple script of another site, on loopback, cannot send `application/json` without a preflight
//! request, to which nothing here responds.

use super::response::AdminResponse;
use crate::plane::Plane;
use axum::{body::Body, middleware::Next, response::IntoResponse};
use http::{HeaderMap, Method, Request, Response, header};
use plimsoll::{http::Kind, serve::admin_refusal};

/// The refusal of a request that may not be made.
pub(super) fn refusal<B>(plane: &Plane, request: &Request<B>) -> Option<Response<Body>> {
    let spec = plane.gateway().spec();
    let token = spec.admin.as_ref().and_then(|admin| admin.token.as_ref());
    let known = token.map(|token| move |shown: &str| token.matches(shown));
    if let Some(refused) = admin_refusal(request, known.as_ref().map(|known| known as _)) {
        return Some(refused.into_response());
    }
    None
}

/// Lets through what reads, and what changes something only as JSON. Asked once a path takes the method at all.
pub(super) async fn only_json(request: Request<Body>, next: Next) -> Response<Body> {
    if matches!(*request.method(), Method::GET | Method::HEAD) || is_json(request.headers()) {
        return next.run(request).await;
    }
    let detail = "Send \"content-type: application/json\", with a request that has no body as well.";
    AdminResponse::problem(Kind::UnsupportedMediaType, detail)
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
    use http::HeaderValue;

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
