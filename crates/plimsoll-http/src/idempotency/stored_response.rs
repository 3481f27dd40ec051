use super::IDEMPOTENCY_REPLAYED;
use crate::{body::json, boundary::Verbatim};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, response::Parts};

/// In the extensions of a response: it passes as it comes, and what it says is not kept. For a response that streams and
/// does not say so by its `Content-Type`; that it was given is kept all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unkept;

/// Types whose bodies are sent bit by bit, for as long as there is something to say.
const STREAMS: [&str; 7] = [
    "text/event-stream",
    "application/x-ndjson",
    "application/jsonl",
    "application/json-seq",
    "application/stream+json",
    "multipart/x-mixed-replace",
    "application/grpc",
];

/// Whether the body of this response comes bit by bit, so that whoever waits for its end keeps the client waiting.
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

/// In the store alone: the response carried [`Verbatim`], which no header of HTTP says.
const VERBATIM: HeaderName = HeaderName::from_static("plimsoll-verbatim");

/// A response that is kept, and given again.
///
/// The layer makes them of what the service answers. A service that keeps the response within its own transaction
/// (`PostgresStore::complete_in`) makes it itself, and answers by it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl StoredResponse {
    /// With this body, and no header.
    pub fn new(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, headers: HeaderMap::new(), body: body.into() }
    }

    /// With this as JSON.
    ///
    /// # Errors
    /// Where `value` cannot be written as JSON: a map whose keys are no text, a number that is NaN or infinite.
    pub fn json<T: serde::Serialize>(status: StatusCode, value: &T) -> serde_json::Result<Self> {
        let mut body = Vec::new();
        json::write_into(&mut body, value)?;
        let answer = Self::new(status, body);
        Ok(answer.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json")))
    }

    /// The same with one header more.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Its status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Its headers.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Its body.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// As it is given the first time.
    pub fn into_http(self) -> Response<Bytes> {
        let mut answer = Response::new(self.body);
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers;
        answer
    }

    /// As it is given again.
    pub(super) fn replayed(self) -> Response<Bytes> {
        let mut answer = self.into_http();
        let headers = answer.headers_mut();
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        // Where a boundary left the first one alone, it leaves this one alone.
        if headers.remove(VERBATIM).is_some() {
            answer.extensions_mut().insert(Verbatim);
        }
        answer
    }

    /// Of what the service answered: of the headers, these.
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
