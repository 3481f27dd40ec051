use super::IDEMPOTENCY_REPLAYED;
use crate::{body::json, boundary::Verbatim};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, response::Parts};

/// A mark in the extensions of a streaming response whose `Content-Type` does not show it: it is passed on as it comes,
/// and only the fact is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unkept;

/// Media types of streams.
const STREAMS: [&str; 7] = [
    "text/event-stream",
    "application/x-ndjson",
    "application/jsonl",
    "application/json-seq",
    "application/stream+json",
    "multipart/x-mixed-replace",
    "application/grpc",
];

/// Returns whether this response is a stream, so that waiting for its end would delay the client.
pub(super) fn streams(parts: &Parts) -> bool {
    if parts.extensions.get::<Unkept>().is_some() {
        return true;
    }
    let Some(named) = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes) else {
        return false;
    };
    STREAMS.iter().any(|name| {
        let Some((begins, rest)) = named.split_at_checked(name.len()) else { return false };
        // `application/grpc+proto`, `application/grpc-web`, and parameters.
        let ends = matches!(rest.first(), None | Some(b';' | b' ' | b'+' | b'-'));
        ends && begins.eq_ignore_ascii_case(name.as_bytes())
    })
}

/// The header, in the store alone, of a response that had [`Verbatim`].
const VERBATIM: HeaderName = HeaderName::from_static("plimsoll-verbatim");

/// A response that is stored and replayed.
///
/// The layer makes it from the service's response. A service that keeps the response within its own transaction
/// (`PostgresStore::complete_in`) makes it itself, and responds with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl StoredResponse {
    /// Creates a response with this body, without headers.
    pub fn new(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, headers: HeaderMap::new(), body: body.into() }
    }

    /// Creates a response with this value as JSON.
    ///
    /// # Errors
    /// If `value` cannot be written as JSON: a map whose keys are not strings, a number that is NaN or infinite.
    pub fn json<T: serde::Serialize>(status: StatusCode, value: &T) -> serde_json::Result<Self> {
        let mut body = Vec::new();
        json::write_into(&mut body, value)?;
        let response = Self::new(status, body);
        Ok(response.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json")))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Returns its status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns its headers.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns its body.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the response as it is sent the first time.
    pub fn into_http(self) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// Returns the response as it is replayed.
    pub(super) fn replayed(self) -> Response<Bytes> {
        let mut response = self.into_http();
        let headers = response.headers_mut();
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        // A boundary that left the first one unchanged leaves this one unchanged as well.
        if headers.remove(VERBATIM).is_some() {
            response.extensions_mut().insert(Verbatim);
        }
        response
    }

    /// Creates it from the service's response, with these headers of it.
    pub(super) fn of(parts: &Parts, kept: &[HeaderName], body: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        for name in kept {
            for value in parts.headers.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        if parts.extensions.get::<Verbatim>().is_some() {
            headers.insert(VERBATIM, HeaderValue::from_static("1"));
        }
        Self { status: parts.status, headers, body }
    }

    /// Returns the bytes that it takes in a store's memory.
    pub(super) fn weight(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64);
        self.body.len() + headers.sum::<usize>()
    }
}

#[cfg(feature = "server")]
impl axum::response::IntoResponse for StoredResponse {
    fn into_response(self) -> axum::response::Response {
        self.into_http().map(axum::body::Body::from)
    }
}
