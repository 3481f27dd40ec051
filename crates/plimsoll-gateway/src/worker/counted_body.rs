//! A response on its way to an HTTP/2 client: counted and logged when it ends, however it does.

use super::exchange::count;
use crate::{
    access_log::{Entry, ResponseSummary},
    proxy::{Download, DownloadError},
    route::InFlight,
    why::Why,
};
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use plimsoll::{http::Kind, policy::Instant};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A body that remembers whose response it is.
#[derive(Debug)]
pub(super) struct CountedBody {
    pub(super) body: Download,
    pub(super) route: Option<InFlight>,
    pub(super) entry: Option<Box<Entry>>,
    pub(super) status: StatusCode,
    pub(super) problem: Option<Kind>,
    pub(super) why: Option<Why>,
    pub(super) began: Instant,
    /// Handed on, as far as it has not been [taken back](Self::take_back).
    pub(super) bytes: u64,
    /// Whether all of it has been handed on.
    pub(super) whole: bool,
    /// Whether any of it was thrown away afterwards.
    pub(super) lost: bool,
}

impl CountedBody {
    /// So many bytes that were handed on will never be sent.
    pub(super) fn take_back(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.lost |= bytes > 0;
    }
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = DownloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                self.whole = self.body.is_end_stream();
            }
            Some(Err(error)) => self.why = Some(error.why()),
            None => self.whole = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for CountedBody {
    fn drop(&mut self) {
        if let Some(route) = &self.route {
            let took = route.policy.driver().time().now().since(self.began);
            count(route, self.status, took, self.bytes);
        }
        if let Some(entry) = self.entry.take() {
            // A body that is empty from the start is never asked for.
            let whole = !self.lost && (self.whole || self.bytes == 0 && self.body.is_end_stream());
            let Self { status, bytes, problem, why, .. } = *self;
            entry.responded(ResponseSummary { status, bytes, problem, whole, why });
        }
    }
}
