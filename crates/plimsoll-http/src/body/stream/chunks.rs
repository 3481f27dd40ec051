use super::coalesced::{BoxError, StreamAbortedError};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderValue, header};
use http_body::Frame;
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A response of a stream's bytes, which are not copied. See the [module](crate::body#streams).
///
/// ```
/// use axum::{Router, routing::get};
/// use bytes::Bytes;
/// use futures_util::{Stream, stream};
/// use http::HeaderValue;
/// use plimsoll_http::body::Chunks;
///
/// async fn csv() -> Chunks<impl Stream<Item = Result<Bytes, std::io::Error>>> {
///     let lines = stream::iter(["id,pieces\n", "1,3\n"]).map(|line| Ok(Bytes::from_static(line.as_bytes())));
///     Chunks::new(lines, HeaderValue::from_static("text/csv; charset=utf-8"))
/// }
/// # use futures_util::StreamExt;
///
/// let app: Router = Router::new().route("/orders.csv", get(csv));
/// ```
#[derive(Clone, Debug)]
pub struct Chunks<S> {
    stream: S,
    content_type: HeaderValue,
}

impl<S> Chunks<S> {
    /// Creates a response of the stream's bytes with this `Content-Type`.
    pub const fn new(stream: S, content_type: HeaderValue) -> Self {
        Self { stream, content_type }
    }
}

impl<S, E> IntoResponse for Chunks<S>
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: Into<BoxError>,
{
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::new(Passing { stream: Some(self.stream), aborted: None }));
        response.headers_mut().insert(header::CONTENT_TYPE, self.content_type);
        response
    }
}

pin_project! {
    struct Passing<S> {
        // Dropped at its end, so that it releases its resources (a database connection) then, not with the HTTP connection.
        #[pin]
        stream: Option<S>,
        aborted: Option<StreamAbortedError>,
    }
}

impl<S, E> http_body::Body for Passing<S>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: Into<BoxError>,
{
    type Data = Bytes;
    type Error = StreamAbortedError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamAbortedError>>> {
        let mut this = self.project();
        while let Some(stream) = this.stream.as_mut().as_pin_mut() {
            match ready!(stream.poll_next(cx)) {
                // An empty frame is useless, and some encodings would take it for the end.
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Err(error)) => {
                    this.stream.set(None);
                    *this.aborted = Some(StreamAbortedError::because(error));
                    // hyper discards unwritten bytes when a body fails, so it gets a turn in which to write.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                None => this.stream.set(None),
            }
        }
        Poll::Ready(this.aborted.take().map(Err))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_none() && self.aborted.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn bytes_pass_and_an_error_is_the_end() {
        let sent = Bytes::from_static(b"ahoy");
        let items = [Ok(sent.clone()), Ok(Bytes::new()), Err("password=hunter2"), Ok(sent.clone())];
        let mut body = Chunks::new(stream::iter(items), HeaderValue::from_static("text/csv"))
            .into_response()
            .into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first.as_ptr(), sent.as_ptr());
        assert!(!body.frame().await.unwrap().unwrap_err().to_string().contains("hunter2"));
        assert!(body.frame().await.is_none());
    }
}
