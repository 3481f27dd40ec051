use super::{
    super::{
        edge::EdgeBody,
        reused::{Pooled, Reused, Spare},
    },
    entry::Entry,
};
use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    cell::RefCell,
    pin::Pin,
    task::{Context, Poll},
    thread::LocalKey,
};

/// A response's body, whose end is the request's. It is one pointer: until hyper has it in its place, a response is moved
/// many times.
pub(crate) struct Recorded(Reused<Parts>);

struct Parts {
    // Before the entry: fields are dropped in this order.
    inner: EdgeBody,
    /// There once the record has seen the response's head.
    entry: Option<Entry>,
}

thread_local! {
    static SPARE: Spare<Parts> = const { RefCell::new(Vec::new()) };
}

impl Pooled for Parts {
    fn spare() -> &'static LocalKey<Spare<Self>> {
        &SPARE
    }
}

impl Recorded {
    #[inline]
    pub(super) fn new(inner: EdgeBody) -> Self {
        Self(Reused::new(Parts { inner, entry: None }))
    }

    /// Keeps the entry until the body's end.
    #[inline]
    pub(super) fn hold(&mut self, entry: Entry) {
        self.0.entry = Some(entry);
    }
}

impl Body for Recorded {
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Parts { inner, entry } = &mut *self.0;
        let inner = Pin::new(inner);
        match entry {
            Some(entry) => entry.within(|| inner.poll_frame(cx)),
            None => inner.poll_frame(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.0.inner.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.0.inner.size_hint()
    }
}
