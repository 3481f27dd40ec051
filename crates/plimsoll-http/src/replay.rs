//! A body that can be sent again, up to a bound.
//!
//! The body is read once and lazily: what passes by on the first attempt is kept (shared, not copied) so that a later
//! attempt can begin with it. When more has passed than the bound allows, only the chance to send it again is given up;
//! the attempt under way goes on.

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use parking_lot::{Mutex, MutexGuard};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// The cost of keeping one chunk beside its bytes, so that many tiny chunks are bounded too.
const CHUNK_COST: usize = 64;

/// A request's body, kept as it passes by.
pub struct Replay<B> {
    shared: Arc<Mutex<Shared<B>>>,
}

struct Shared<B> {
    inner: Pin<Box<B>>,
    kept: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    cost: usize,
    bound: usize,
    /// More has passed than could be kept.
    overflown: bool,
    ended: bool,
    /// Which of the bodies handed out may read on.
    turn: u64,
}

/// Why a replayed body broke off.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError<E> {
    /// The body itself failed.
    #[error(transparent)]
    Body(E),
    /// More has passed by than was kept.
    #[error("the body is larger than can be kept for sending it again")]
    Overflown,
    /// A later attempt has begun to read it.
    #[error("another attempt reads this body now")]
    Superseded,
}

impl<B: Body<Data = Bytes>> Replay<B> {
    /// Keeps up to `bound` bytes of `body` (each chunk counts 64 bytes more, for its keeping).
    pub fn new(body: B, bound: usize) -> Self {
        let shared = Shared {
            inner: Box::pin(body),
            kept: Vec::new(),
            trailers: None,
            cost: 0,
            bound,
            overflown: false,
            ended: false,
            turn: 0,
        };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    /// The body for one attempt, from its beginning. A body handed out earlier fails from now on.
    pub fn body(&self) -> ReplayBody<B> {
        let mut shared = lock(&self.shared);
        shared.turn += 1;
        ReplayBody { turn: shared.turn, next: 0, done: false, shared: Arc::clone(&self.shared) }
    }

    /// Returns whether another [`Replay::body`] would be whole, as far as is known now.
    pub fn is_replayable(&self) -> bool {
        !lock(&self.shared).overflown
    }
}

impl<B> fmt::Debug for Replay<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = lock(&self.shared);
        f.debug_struct("Replay").field("kept", &shared.cost).field("overflown", &shared.overflown).finish()
    }
}

/// The body as one attempt sends it: what was kept, then the rest as it comes.
pub struct ReplayBody<B> {
    shared: Arc<Mutex<Shared<B>>>,
    turn: u64,
    next: usize,
    done: bool,
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBody")
            .field("turn", &self.turn)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// No invariant spans a panic of the inner body, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

impl<B: Body<Data = Bytes>> Body for ReplayBody<B> {
    type Data = Bytes;
    type Error = ReplayError<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.done {
            return Poll::Ready(None);
        }
        let mut shared = lock(&this.shared);
        if shared.turn != this.turn {
            return Poll::Ready(Some(Err(ReplayError::Superseded)));
        }
        if let Some(chunk) = shared.kept.get(this.next) {
            this.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(chunk.clone()))));
        }
        if shared.overflown && this.next == 0 && this.turn > 1 {
            return Poll::Ready(Some(Err(ReplayError::Overflown)));
        }
        if shared.ended {
            this.done = true;
            return Poll::Ready(shared.trailers.clone().map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let Some(frame) = ready!(shared.inner.as_mut().poll_frame(cx)) else {
            shared.ended = true;
            this.done = true;
            return Poll::Ready(None);
        };
        let frame = match frame.map_err(ReplayError::Body)?.into_data() {
            Ok(chunk) => {
                shared.keep(&chunk);
                this.next = if shared.overflown { usize::MAX } else { shared.kept.len() };
                Frame::data(chunk)
            }
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => {
                    shared.ended = true;
                    this.done = true;
                    shared.trailers = Some(trailers.clone());
                    Frame::trailers(trailers)
                }
                Err(other) => other,
            },
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        let shared = lock(&self.shared);
        let all_read = self.next >= shared.kept.len() && shared.trailers.is_none();
        self.done || (shared.turn == self.turn && all_read && (shared.ended || shared.inner.is_end_stream()))
    }

    fn size_hint(&self) -> SizeHint {
        let shared = lock(&self.shared);
        let kept = shared.kept.get(self.next..).unwrap_or_default();
        let kept: u64 = kept.iter().map(|chunk| chunk.len() as u64).sum();
        let rest = if shared.ended { SizeHint::with_exact(0) } else { shared.inner.size_hint() };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(kept));
        // A length would say that nothing follows the data: whoever frames by it has no place for trailers.
        if let Some(upper) = rest.upper().filter(|_| shared.trailers.is_none()) {
            hint.set_upper(upper.saturating_add(kept));
        }
        hint
    }
}

impl<B> Shared<B> {
    fn keep(&mut self, chunk: &Bytes) {
        if self.overflown {
            return;
        }
        self.cost += chunk.len() + CHUNK_COST;
        if self.cost > self.bound {
            self.overflown = true;
            self.kept = Vec::new();
        } else {
            self.kept.push(chunk.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, StreamBody};
    use std::convert::Infallible;

    type Frames = Vec<Result<Frame<Bytes>, Infallible>>;

    fn body_of(chunks: &[&'static str]) -> impl Body<Data = Bytes, Error = Infallible> + use<> {
        let frames: Frames =
            chunks.iter().map(|chunk| Ok(Frame::data(Bytes::from_static(chunk.as_bytes())))).collect();
        StreamBody::new(stream(frames))
    }

    /// An iterator as a stream, without a crate for it.
    fn stream(frames: Frames) -> impl futures_core::Stream<Item = Result<Frame<Bytes>, Infallible>> {
        struct Iter(std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>);
        impl futures_core::Stream for Iter {
            type Item = Result<Frame<Bytes>, Infallible>;
            fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                Poll::Ready(self.0.next())
            }
        }
        Iter(frames.into_iter())
    }

    async fn read<B: Body<Data = Bytes>>(body: ReplayBody<B>) -> Result<Bytes, ReplayError<B::Error>> {
        Ok(body.collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn reads_the_same_twice() {
        let replay = Replay::new(body_of(&["hello ", "world"]), 1024);
        assert_eq!(read(replay.body()).await.unwrap(), "hello world");
        assert!(replay.is_replayable());
        assert_eq!(read(replay.body()).await.unwrap(), "hello world");
    }

    #[tokio::test]
    async fn goes_on_where_the_first_attempt_stopped() {
        let replay = Replay::new(body_of(&["a", "b", "c"]), 1024);
        let mut first = replay.body();
        assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "a");
        let second = replay.body();
        assert!(matches!(first.frame().await, Some(Err(ReplayError::Superseded))));
        assert_eq!(read(second).await.unwrap(), "abc");
    }

    #[tokio::test]
    async fn over_the_bound_only_the_replay_is_given_up() {
        let replay = Replay::new(body_of(&["12345678", "12345678", "end"]), 100);
        assert_eq!(read(replay.body()).await.unwrap(), "1234567812345678end");
        assert!(!replay.is_replayable());
        assert!(matches!(read(replay.body()).await, Err(ReplayError::Overflown)));
    }

    #[tokio::test]
    async fn trailers_come_again_too() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "7".parse().unwrap());
        let frames: Frames =
            vec![Ok(Frame::data(Bytes::from_static(b"a"))), Ok(Frame::trailers(trailers.clone()))];
        let replay = Replay::new(StreamBody::new(stream(frames)), 1024);
        for _ in 0..2 {
            let collected = replay.body().collect().await.unwrap();
            assert_eq!(collected.trailers(), Some(&trailers));
            assert_eq!(collected.to_bytes(), "a");
        }
        assert_eq!(replay.body().size_hint().exact(), None, "framed by a length they would be lost");
    }

    #[tokio::test]
    async fn an_empty_body_is_at_its_end() {
        let replay = Replay::new(http_body_util::Empty::<Bytes>::new(), 0);
        assert!(replay.body().is_end_stream());
        assert_eq!(replay.body().size_hint().exact(), Some(0));
        assert_eq!(read(replay.body()).await.unwrap(), "");
    }
}
