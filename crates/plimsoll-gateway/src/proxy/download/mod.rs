//! A response's body on its way to the client.
//!
//! | file | what |
//! | --- | --- |
//! | `source` | where an endpoint's body is read from |
//! | `proxied` | an endpoint's body under the call's limits |
//! | `error` | why a response broke off |

mod error;
mod proxied;
mod source;

pub(crate) use error::DownloadError;
pub(crate) use proxied::Proxied;
pub(crate) use source::ResponseSource;

use crate::h1::{Pipe, Splice};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// A response's body.
#[derive(Debug)]
pub(crate) enum Download {
    Empty,
    /// The gateway's own.
    Whole(Option<Bytes>),
    /// An endpoint's.
    Proxied(Box<Proxied>),
}

impl Download {
    /// Looks whether the response has broken off already: until its head is sent, the client can be told. Waits for
    /// nothing.
    pub(crate) fn look(&mut self, cx: &mut Context<'_>) -> Result<(), DownloadError> {
        match self {
            Self::Proxied(body) => body.look(cx),
            Self::Empty | Self::Whole(_) => Ok(()),
        }
    }

    pub(crate) fn whole(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Whole(Some(bytes)) }
    }
}

impl Splice for Download {
    fn poll_splice(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<Option<Result<u64, DownloadError>>> {
        match self.get_mut() {
            Self::Proxied(body) => body.poll_splice(cx, pipe),
            Self::Empty | Self::Whole(_) => Poll::Ready(None),
        }
    }

    fn poll_expired(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<DownloadError> {
        match self.get_mut() {
            Self::Proxied(body) => body.poll_expired(cx),
            Self::Empty | Self::Whole(_) => Poll::Pending,
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = DownloadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Proxied(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_none(),
            Self::Proxied(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Proxied(body) => body.size_hint(),
        }
    }
}
