use super::entry::Entry;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tracing::Span;

pin_project! {
    /// A response's body, whose end is the request's.
    pub(crate) struct Recorded<B> {
        #[pin]
        inner: B,
        span: Span,
        entry: Entry,
    }
}

impl<B> Recorded<B> {
    pub(super) const fn new(inner: B, span: Span, entry: Entry) -> Self {
        Self { inner, span, entry }
    }
}

impl<B: Body> Body for Recorded<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let _within = this.span.enter();
        this.inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
