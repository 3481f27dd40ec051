//! Answers that others made, and that tell of a failure.

use super::{BoundaryBody, Told, exchange::Exchange, panics::caught};
use crate::{Kind, Problem, is_grpc};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, header, response::Parts};
use http_body::Body;
use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// In an answer's extensions: it is meant as it is, whatever its status. Counted by its status, and left alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verbatim;

/// What the answer said that a problem stands in for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Said(String);

/// As much of what an answer said as goes to the log, or to the caller where that is wanted.
const MOST_TEXT: usize = 512;

/// What an answer may keep when its content is replaced: nothing that describes the content, and nothing that is not
/// known to be meant for the client.
const KEPT: &[HeaderName] = &[
    header::ACCEPT,
    header::ACCEPT_RANGES,
    header::ALLOW,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_RANGE,
    header::DATE,
    header::PROXY_AUTHENTICATE,
    header::RETRY_AFTER,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::UPGRADE,
    header::VARY,
    header::WWW_AUTHENTICATE,
];

/// The same, for those without a constant.
const KEPT_BY_NAME: &[&str] = &[
    "accept-patch",
    "accept-post",
    "idempotency-replayed",
    "ratelimit",
    "ratelimit-policy",
    "traceresponse",
    "x-request-id",
];

/// What describes the content that is being replaced.
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

pub(super) fn rephrase<B>(exchange: Exchange, answer: Response<B>) -> Response<BoundaryBody<B>>
where
    B: Body<Data = Bytes>,
{
    let (mut parts, body) = answer.into_parts();
    if let Some(told) = parts.extensions.get::<Told>() {
        if told.is_settled() {
            return Response::from_parts(parts, BoundaryBody::inner(body, exchange));
        }
        let problem = told.shared();
        for name in CONTENT {
            parts.headers.remove(name);
        }
        discard(body, &exchange);
        return exchange.tell(problem, parts.headers, parts.extensions);
    }
    if is_meant(&parts) {
        exchange.count(Kind::of_status(parts.status));
        return Response::from_parts(parts, BoundaryBody::inner(body, exchange));
    }
    let mut problem = Problem::of_status(parts.status);
    if let Some(said) = read(&parts.headers, body, &exchange) {
        problem = if exchange.shared().tell_rejections && parts.status.is_client_error() {
            problem.detail(said)
        } else {
            problem.because(Said(said))
        };
    }
    let mut kept = HeaderMap::new();
    for (name, value) in &parts.headers {
        if is_kept(name) {
            kept.append(name, value.clone());
        }
    }
    exchange.tell(Arc::new(problem), kept, parts.extensions)
}

/// Whether whoever made the answer knew what it should look like.
fn is_meant(parts: &Parts) -> bool {
    parts.extensions.get::<Verbatim>().is_some()
        || is_grpc(&parts.headers)
        || media_type(&parts.headers).is_some_and(|of| of.eq_ignore_ascii_case("application/problem+json"))
}

fn is_kept(name: &HeaderName) -> bool {
    KEPT.contains(name)
        || KEPT_BY_NAME.contains(&name.as_str())
        || name.as_str().starts_with("access-control-")
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim())
}

/// What a short plain text says, if it is there without waiting.
fn read<B: Body<Data = Bytes>>(headers: &HeaderMap, body: B, exchange: &Exchange) -> Option<String> {
    let plain = media_type(headers).is_some_and(|of| of.eq_ignore_ascii_case("text/plain"));
    let read = || {
        let mut body = pin!(body);
        // Nobody is to be woken: what is not there at once is dropped with the body.
        match body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(frame))) if plain => frame.into_data().ok(),
            _ => None,
        }
    };
    let chunk = caught(read).unwrap_or_else(|panicked| {
        exchange.panicked_late(super::exchange::Place::Body, &panicked);
        None
    })?;
    let chunk = &chunk[..chunk.len().min(MOST_TEXT)];
    let text = match std::str::from_utf8(chunk) {
        Ok(text) => text,
        // Cut within a character, or no text at all.
        Err(error) => std::str::from_utf8(&chunk[..error.valid_up_to()]).unwrap_or_default(),
    };
    let line: String = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// Dropping a foreign body may panic as anything foreign may.
fn discard<B>(body: B, exchange: &Exchange) {
    if let Err(panicked) = caught(|| drop(body)) {
        exchange.panicked_late(super::exchange::Place::Drop, &panicked);
    }
}
