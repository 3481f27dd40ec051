use super::{super::edge::EdgeBody, entry::Entry};
use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// A response's body, whose end is the request's.
    pub(crate) struct Recorded {
        #[pin]
        inner: EdgeBody,
        // There once the record has seen the response's head.
        entry: Option<Entry>,
    }
}

impl Recorded {
    #[inline]
    pub(super) const fn new(inner: EdgeBody) -> Self {
        Self { inner, entry: None }
    }

    /// Keeps the entry until the body's end.
    #[inline]
    pub(super) fn hold(&mut self, entry: Entry) {
        self.entry = Some(entry);
    }
}

impl Body for Recorded {
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        match this.entry {
            Some(entry) => entry.within(|| this.inner.poll_frame(cx)),
            None => this.inner.poll_frame(cx),
        }
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
