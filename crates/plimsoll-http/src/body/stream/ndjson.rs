use super::coalesced::{BoxError, CHUNK, Coalesced, Framing};
use crate::body::{ByteLimit, json};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::{BufMut, BytesMut};
use futures_core::Stream;
use http::{HeaderValue, header};
use serde::Serialize;

/// A response of a stream's values as JSON, one per line (`application/x-ndjson`). See the
/// [module](crate::body#streams).
///
/// The stream's items are results; for an infallible one use `map(Ok::<_, Infallible>)`.
///
/// ```
/// use axum::{Router, routing::get};
/// use futures_util::stream;
/// use plimsoll_http::body::NdJson;
///
/// # #[derive(serde::Serialize)] struct Order { id: u64 }
/// # fn rows() -> impl futures_util::Stream<Item = Result<Order, std::io::Error>> + Send + 'static {
/// #     stream::iter((0..3).map(|id| Ok(Order { id })))
/// # }
/// async fn export() -> NdJson<impl futures_util::Stream<Item = Result<Order, std::io::Error>>> {
///     NdJson::new(rows()) // a database cursor, for example
/// }
///
/// let app: Router = Router::new().route("/orders/export", get(export));
/// ```
#[derive(Clone, Debug)]
pub struct NdJson<S> {
    stream: S,
    chunk: usize,
}

impl<S> NdJson<S> {
    /// Creates a response of the stream's items, in chunks of about 16 KiB.
    pub const fn new(stream: S) -> Self {
        Self { stream, chunk: CHUNK }
    }

    /// Sets the approximate size of chunks, in bytes.
    #[must_use]
    pub fn chunks_of(self, bytes: ByteLimit) -> Self {
        Self { chunk: bytes.get(), ..self }
    }
}

impl<S, T, E> IntoResponse for NdJson<S>
where
    S: Stream<Item = Result<T, E>> + Send + 'static,
    T: Serialize,
    E: Into<BoxError>,
{
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::new(Coalesced::new(self.stream, Lines, self.chunk, None)));
        let content_type = HeaderValue::from_static("application/x-ndjson");
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response
    }
}

struct Lines;

impl<T: Serialize> Framing<T> for Lines {
    fn write(&mut self, item: T, into: &mut BytesMut) -> Result<(), BoxError> {
        // Compact JSON has no line break of its own: within strings it is escaped.
        json::write_into((&mut *into).writer(), &item)?;
        into.put_u8(b'\n');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::BodyExt;
    use std::convert::Infallible;

    #[tokio::test]
    async fn a_value_is_a_line() {
        let items = stream::iter(["one", "two\nlines"].map(Ok::<_, Infallible>));
        let response = NdJson::new(items).into_response();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-ndjson");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes, "\"one\"\n\"two\\nlines\"\n");
    }

    #[tokio::test]
    async fn a_failure_is_not_written() {
        let items = stream::iter([Ok(1), Err("password=hunter2")]);
        let mut body = NdJson::new(items).into_response().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "1\n");
        let error = body.frame().await.unwrap().unwrap_err().to_string();
        assert!(error.contains("aborted") && !error.contains("hunter2"), "{error}");
        assert!(body.frame().await.is_none());
    }
}
