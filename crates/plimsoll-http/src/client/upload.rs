//! A request's body, before and while it is sent.

use crate::replay::{Replay, ReplayBody, ReplayError};
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Boxed = UnsyncBoxBody<Bytes, BoxError>;

/// A request's body as its caller gives it.
pub(super) enum Payload {
    Empty,
    /// There already: it can be sent any number of times, and twice at once.
    Whole(Bytes),
    /// As it comes.
    Stream(Boxed),
    /// As it comes, and kept while it passes by.
    Kept(Replay<Boxed>),
    /// Sent, and gone.
    Spent,
}

impl Payload {
    pub(super) fn of(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Whole(bytes) }
    }

    /// Boxed only where there is a body.
    pub(super) fn stream<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        if body.is_end_stream() {
            return Self::Empty;
        }
        Self::Stream(UnsyncBoxBody::new(body.map_err(Into::into)))
    }

    /// Begins to keep what passes by, up to `bound` bytes, unless the body says that it is longer.
    pub(super) fn keep(self, bound: usize) -> Self {
        match self {
            Self::Stream(body) if body.size_hint().lower() <= bound as u64 => {
                Self::Kept(Replay::new(body, bound))
            }
            other => other,
        }
    }

    /// Returns whether it can be sent again, as far as is known now.
    pub(super) fn is_replayable(&self) -> bool {
        match self {
            Self::Empty | Self::Whole(_) => true,
            Self::Kept(kept) => kept.is_replayable(),
            Self::Stream(_) | Self::Spent => false,
        }
    }

    /// Returns whether two of it can be under way at once.
    pub(super) const fn is_hedgeable(&self) -> bool {
        matches!(self, Self::Empty | Self::Whole(_))
    }

    /// The body for one attempt. One that is not kept is gone with it.
    pub(super) fn next(&mut self) -> Upload {
        match self {
            Self::Empty | Self::Spent => Upload::Empty,
            Self::Whole(bytes) => Upload::Whole(Some(bytes.clone())),
            Self::Kept(kept) => Upload::Kept(kept.body(), Arc::default()),
            Self::Stream(_) => match std::mem::replace(self, Self::Spent) {
                Self::Stream(body) => Upload::Stream(body, Arc::default()),
                _ => Upload::Empty,
            },
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
            Self::Kept(kept) => kept.fmt(f),
            Self::Spent => f.write_str("Spent"),
        }
    }
}

/// How far a body that comes bit by bit has been taken.
#[derive(Debug, Default)]
pub(super) struct Progress {
    ended: AtomicBool,
    frames: AtomicU32,
    /// It had nothing to send when it was last asked.
    waited_for: AtomicBool,
    /// The attempt, where another task sends the body.
    attempt: AtomicWaker,
}

impl Progress {
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    /// Counts up; wraps.
    pub(super) fn frames(&self) -> u32 {
        self.frames.load(Relaxed)
    }

    /// Returns whether the body's own source is waited for.
    pub(super) fn is_waited_for(&self) -> bool {
        self.waited_for.load(Relaxed)
    }

    /// The task of `cx` is woken when the body begins to be waited for, comes again, or ends.
    pub(super) fn listen(&self, cx: &Context<'_>) {
        self.attempt.register(cx.waker());
    }

    fn note<T>(&self, polled: &Poll<Option<T>>) {
        let waits = polled.is_pending();
        match polled {
            Poll::Ready(Some(_)) => {
                self.frames.fetch_add(1, Relaxed);
            }
            Poll::Ready(None) => self.ended.store(true, Relaxed),
            Poll::Pending => {}
        }
        if self.waited_for.swap(waits, Relaxed) != waits || matches!(polled, Poll::Ready(None)) {
            self.attempt.wake();
        }
    }
}

/// A body on its way.
pub(super) enum Upload {
    Empty,
    Whole(Option<Bytes>),
    Stream(Boxed, Arc<Progress>),
    Kept(ReplayBody<Boxed>, Arc<Progress>),
}

impl Upload {
    /// How far it has come, where it does not go out at once with the head.
    pub(super) fn progress(&self) -> Option<Arc<Progress>> {
        match self {
            Self::Empty | Self::Whole(_) => None,
            Self::Stream(_, progress) | Self::Kept(_, progress) => Some(Arc::clone(progress)),
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(body, progress) => {
                let polled = Pin::new(body).poll_frame(cx);
                progress.note(&polled);
                polled
            }
            Self::Kept(body, progress) => {
                let polled = Pin::new(body).poll_frame(cx).map_err(broken);
                progress.note(&polled);
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_none(),
            Self::Stream(body, progress) => progress.has_ended() || body.is_end_stream(),
            Self::Kept(body, progress) => progress.has_ended() || body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream(body, _) => body.size_hint(),
            Self::Kept(body, _) => body.size_hint(),
        }
    }
}

/// A replayed body's error, without a second box around the body's own.
fn broken(error: ReplayError<BoxError>) -> BoxError {
    match error {
        ReplayError::Body(error) => error,
        ReplayError::Overflown => Box::new(ReplayError::<Infallible>::Overflown),
        ReplayError::Superseded => Box::new(ReplayError::<Infallible>::Superseded),
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Whole(_) => "Whole",
            Self::Stream(..) => "Stream",
            Self::Kept(..) => "Kept",
        })
    }
}
