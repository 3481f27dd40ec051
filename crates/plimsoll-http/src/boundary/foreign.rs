//! Error responses of the inner service, which become problems.

use super::{
    BoundaryBody, ReportedProblem,
    exchange::Exchange,
    panics::caught,
    upstream_text::{self, UpstreamText},
};
use crate::{Kind, is_grpc};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, header, response::Parts};
use http_body::Body;
use std::sync::Arc;

/// A marker in a response's extensions: the response is passed on unchanged, whatever its status, and only counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verbatim;

/// Headers that a response keeps when its content is replaced: none that describes the content, and none that is not
/// known to be meant for the client. A service adds its own by
/// [`BoundaryLayer::keeping_header`](super::BoundaryLayer::keeping_header).
const KEPT: &[HeaderName] = &[
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_RANGES,
    header::ALLOW,
    header::ALT_SVC,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_RANGE,
    header::CONTENT_SECURITY_POLICY,
    header::DATE,
    header::LINK,
    header::LOCATION,
    header::PROXY_AUTHENTICATE,
    header::REFERRER_POLICY,
    header::RETRY_AFTER,
    header::SEC_WEBSOCKET_VERSION,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::UPGRADE,
    header::VARY,
    header::WWW_AUTHENTICATE,
    header::X_CONTENT_TYPE_OPTIONS,
    header::X_FRAME_OPTIONS,
];

/// The same, for those without a constant.
const KEPT_BY_NAME: &[&str] = &[
    "accept-ch",
    "accept-patch",
    "accept-post",
    "authentication-info",
    "clear-site-data",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "deprecation",
    "dpop-nonce",
    "idempotency-replayed",
    "nel",
    "origin-agent-cluster",
    "permissions-policy",
    "proxy-authentication-info",
    "ratelimit",
    "ratelimit-policy",
    "report-to",
    "reporting-endpoints",
    "server-timing",
    "sunset",
    "timing-allow-origin",
    "traceresponse",
    "tus-extension",
    "tus-max-size",
    "tus-resumable",
    "tus-version",
    "upload-offset",
    "x-request-id",
];

/// The same, by how they begin: those of CORS, and the many spellings of how much is left of a rate.
const KEPT_BY_PREFIX: &[&str] = &["access-control-", "ratelimit-", "x-rate-limit-", "x-ratelimit-"];

/// Headers that describe the content that is being replaced.
const CONTENT: &[HeaderName] = &[
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::TRAILER,
    header::TRANSFER_ENCODING,
];

impl Exchange {
    /// Returns the response in place of one that describes its own failure: a problem, unless it is meant as it is.
    #[cold]
    pub(crate) fn response<B>(self, response: Response<B>) -> Response<BoundaryBody<B>>
    where
        B: Body<Data = Bytes>,
    {
        let (mut parts, body) = response.into_parts();
        if let Some(told) = parts.extensions.get::<ReportedProblem>() {
            if told.is_settled() {
                return Response::from_parts(parts, BoundaryBody::inner(body, self));
            }
            let problem = told.shared();
            for name in CONTENT {
                parts.headers.remove(name);
            }
            discard(body, &self);
            return self.replace(problem, parts.headers, parts.extensions);
        }
        if is_meant(&parts) {
            self.count(Kind::of_status(parts.status));
            return Response::from_parts(parts, BoundaryBody::inner(body, self));
        }
        let mut problem = self.problem_of(parts.status);
        if let Some(upstream_text) = upstream_text::read(&parts.headers, body, &self) {
            problem = if self.shared().show_rejections && parts.status.is_client_error() {
                problem.detail(upstream_text)
            } else {
                problem.because(UpstreamText::new(upstream_text))
            };
        }
        let mut kept = HeaderMap::new();
        for (name, value) in &parts.headers {
            if is_kept(name) || self.shared().kept.contains(name) {
                kept.append(name, value.clone());
            }
        }
        self.replace(Arc::new(problem), kept, parts.extensions)
    }
}

/// Returns whether the response already has the form of a problem or is meant as it is.
fn is_meant(parts: &Parts) -> bool {
    parts.extensions.get::<Verbatim>().is_some()
        || is_grpc(&parts.headers)
        || media_type(&parts.headers).is_some_and(|of| of.eq_ignore_ascii_case("application/problem+json"))
}

fn is_kept(name: &HeaderName) -> bool {
    KEPT.contains(name)
        || KEPT_BY_NAME.contains(&name.as_str())
        || KEPT_BY_PREFIX.iter().any(|prefix| name.as_str().starts_with(prefix))
}

pub(super) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim())
}

/// Drops a foreign body, which may panic.
fn discard<B>(body: B, exchange: &Exchange) {
    if let Err(panicked) = caught(|| drop(body)) {
        exchange.panicked_late(super::exchange::PanicSite::Drop, &panicked);
    }
}
