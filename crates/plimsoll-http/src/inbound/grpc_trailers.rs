//! A gRPC call's status in trailers, for a failure that comes after the response's head.

use super::body_limit::ExceededLimit;
use crate::Problem;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// Returns the trailers that end a gRPC call by this problem.
pub(crate) fn trailers(problem: &Problem) -> HeaderMap {
    let mut headers = problem.to_grpc().into_parts().0.headers;
    headers.remove(header::CONTENT_TYPE);
    headers
}

const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Returns whether this is the status of a call that failed.
pub(crate) fn is_failure(headers: &HeaderMap) -> bool {
    headers.get(STATUS).is_some_and(|code| code != "0")
}

pin_project! {
    /// A response's body whose failing gRPC status is replaced where the request's body was cut off: the service only
    /// knows that it could not read on.
    #[derive(Debug)]
    pub struct TrailersBody<B> {
        #[pin]
        inner: B,
        exceeded: Option<Arc<ExceededLimit>>,
    }
}

impl<B> TrailersBody<B> {
    /// Replaces the status by that of the exceeded limit, if there is one.
    pub(crate) const fn new(inner: B, exceeded: Option<Arc<ExceededLimit>>) -> Self {
        Self { inner, exceeded }
    }
}

impl<B: Body<Data = Bytes>> Body for TrailersBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if let (Some(exceeded), Some(Ok(frame))) = (this.exceeded, &frame)
            && frame.trailers_ref().is_some_and(is_failure)
            && let Some(problem) = exceeded.problem()
        {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers(&problem)))));
        }
        Poll::Ready(frame)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
