use super::{
    super::{
        edge::EdgeBody,
        guard::Guarded,
        noted::Notes,
        reused::{Pooled, Reused, Spare},
    },
    entry::Entry,
};
use crate::headers::TraceParent;
use axum::BoxError;
use bytes::Bytes;
use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    cell::RefCell,
    pin::Pin,
    task::{Context, Poll},
    thread::LocalKey,
};

/// The state that the server keeps of one request, from its head to the end of its response's body. It stays where it is: a future
/// and a response are moved many times until hyper has them in their places.
#[derive(Default)]
pub(super) struct Kept {
    // These until there is a response …
    pub(super) guarded: Guarded<Incoming>,
    pub(super) notes: Option<Notes>,
    pub(super) trace: Option<TraceParent>,
    pub(super) id: Option<HeaderValue>,
    // … this from then on …
    pub(super) body: Option<EdgeBody>,
    // … and this all the time.
    pub(super) entry: Option<Entry>,
}

thread_local! {
    static SPARE: Spare<Kept> = const { RefCell::new(Vec::new()) };
}

impl Pooled for Kept {
    fn spare() -> &'static LocalKey<Spare<Self>> {
        &SPARE
    }

    /// The entry goes last: it is written by its drop.
    #[inline]
    fn clear(&mut self) {
        self.body = None;
        self.guarded.clear();
        self.notes = None;
        self.trace = None;
        self.id = None;
        self.entry = None;
    }
}

/// A response's body, whose end is the request's.
pub(crate) struct Recorded(Reused<Kept>);

impl Recorded {
    #[inline]
    pub(super) const fn new(kept: Reused<Kept>) -> Self {
        Self(kept)
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
        let Kept { body: Some(body), entry, .. } = &mut *self.0 else { return Poll::Ready(None) };
        let body = Pin::new(body);
        match entry {
            Some(entry) => entry.within(|| body.poll_frame(cx)),
            None => body.poll_frame(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.0.body.as_ref().is_none_or(Body::is_end_stream)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.0.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
