//! The streams of one HTTP/2 connection: what its client takes of their answers.
//!
//! hyper asks for an answer's body until it holds as much as it may, and then knows nothing of time. Each part of a body is
//! therefore followed until the socket has taken it. Until then the body itself lives, and with it its place in every limit.

use super::pulse::{self, Beat, Pulse};
use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use parking_lot::{Mutex, MutexGuard};
use pin_project_lite::pin_project;
use std::{
    fmt,
    io::IoSlice,
    mem,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{sync::Notify, task::AbortHandle, time::Instant};

/// Bodies up to this size end with their last part. Of longer ones the end is kept back until the client has taken the
/// rest: a stream that has not ended can be reset, and what hyper holds of it goes with that.
const SHORT: u64 = 64 * 1024;

/// Into how many looks the time is divided for which a client may take nothing.
pub(super) const LOOKS: u32 = 4;

/// What is kept alive until the client has taken it.
trait Alive: Send {}
impl<T: Send> Alive for T {}
type Kept = Pin<Box<dyn Alive>>;

/// The streams that are open on a connection.
#[derive(Default)]
pub(super) struct Streams {
    open: Mutex<Vec<Weak<Stream>>>,
    /// The stream whose task hyper is about to spawn.
    begun: Mutex<Option<Weak<Stream>>>,
    /// Bodies that have been taken. Where the last part goes is within hyper's locks, which a body may need to be dropped:
    /// the connection's own task drops them.
    over: Mutex<Vec<Kept>>,
    used: AtomicBool,
    first: Notify,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("open", &lock(&self.open).len()).finish_non_exhaustive()
    }
}

/// A stream, until its client has taken its answer.
pub(super) struct Stream {
    streams: Arc<Streams>,
    unsent: AtomicU64,
    moved: AtomicU64,
    /// What had moved at a look, and since when no more has.
    still: Mutex<(u64, Option<Instant>)>,
    body: Mutex<Option<Kept>>,
    waiting: AtomicWaker,
    task: Mutex<Option<AbortHandle>>,
    beat: Beat,
}

impl Streams {
    /// A stream has begun.
    pub(super) fn open(self: &Arc<Self>, beat: Beat) -> Arc<Stream> {
        let stream = Arc::new(Stream {
            streams: Arc::clone(self),
            unsent: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            still: Mutex::default(),
            body: Mutex::default(),
            waiting: AtomicWaker::new(),
            task: Mutex::default(),
            beat,
        });
        let mut open = lock(&self.open);
        if open.len() == open.capacity() {
            open.retain(|stream| stream.strong_count() > 0);
        }
        open.push(Arc::downgrade(&stream));
        drop(open);
        *lock(&self.begun) = Some(Arc::downgrade(&stream));
        if !self.used.swap(true, Relaxed) {
            self.first.notify_one();
        }
        stream
    }

    /// Waits for the first stream. Cancel safe.
    pub(super) async fn used(&self) {
        self.first.notified().await;
    }

    /// Whether there has been any stream.
    pub(super) fn is_used(&self) -> bool {
        self.used.load(Relaxed)
    }

    /// Drops what has been taken. To be called where hyper holds no lock.
    pub(super) fn clear(&self) {
        let over = mem::take(&mut *lock(&self.over));
        drop(over);
    }

    /// Resets the streams of which the client has taken nothing for so long. Whether that are all, and nothing else is
    /// under way.
    pub(super) fn look(&self, now: Instant, limit: Duration) -> bool {
        let open: Vec<_> = {
            let mut open = lock(&self.open);
            open.retain(|stream| stream.strong_count() > 0);
            open.iter().filter_map(Weak::upgrade).collect()
        };
        let stuck: Vec<_> = open.iter().filter(|stream| stream.stands(now, limit)).collect();
        for stream in &stuck {
            stream.reset();
        }
        !open.is_empty() && stuck.len() == open.len()
    }

    /// Spawns hyper's task of a stream.
    fn spawn(&self, task: impl Future<Output: Send + 'static> + Send + 'static) {
        let task = tokio::spawn(task).abort_handle();
        let begun = lock(&self.begun).take();
        if let Some(stream) = begun.and_then(|stream| stream.upgrade()) {
            *lock(&stream.task) = Some(task);
        }
    }
}

/// Runs hyper's tasks, and knows which stream each is for.
#[derive(Clone, Debug)]
pub(super) struct Executor {
    streams: Arc<Streams>,
    pulse: Arc<Pulse>,
}

impl Executor {
    pub(super) fn new(pulse: &Arc<Pulse>, streams: &Arc<Streams>) -> Self {
        Self { streams: Arc::clone(streams), pulse: Arc::clone(pulse) }
    }
}

impl<F: Future<Output: Send + 'static> + Send + 'static> hyper::rt::Executor<F> for Executor {
    fn execute(&self, future: F) {
        self.streams.spawn(Counted { task: future, _open: self.pulse.stream() });
    }
}

pin_project! {
    /// A task that tells how long its stream is open. A stream that becomes something else (RFC 8441) outlives its answer:
    /// hyper hands its writing half to a task, which ends with the stream.
    struct Counted<F> {
        #[pin]
        task: F,
        _open: pulse::Stream,
    }
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().task.poll(cx)
    }
}

impl Stream {
    /// What keeps its connection busy.
    pub(super) const fn beat(&self) -> &Beat {
        &self.beat
    }

    fn is_held(&self) -> bool {
        self.unsent.load(Relaxed) > 0
    }

    fn give(&self, bytes: u64) {
        self.unsent.fetch_add(bytes, Relaxed);
    }

    fn release(&self, bytes: u64, taken: bool) {
        if taken {
            self.moved.fetch_add(bytes, Relaxed);
        }
        if self.unsent.fetch_sub(bytes, Relaxed) == bytes {
            self.waiting.wake();
        }
    }

    /// Whether its client has taken nothing for so long of what is there for it.
    fn stands(&self, now: Instant, limit: Duration) -> bool {
        let (moved, held) = (self.moved.load(Relaxed), self.is_held());
        let mut still = lock(&self.still);
        match *still {
            (seen, Some(since)) if held && seen == moved => now >= since + limit,
            _ => {
                *still = (moved, held.then_some(now));
                false
            }
        }
    }

    /// Has hyper reset the stream, and forget what it holds of it.
    fn reset(&self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
        let body = lock(&self.body).take();
        drop(body);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let body = self.body.get_mut().take();
        if let Some(body) = body {
            lock(&self.streams.over).push(body);
        }
    }
}

/// A part of an answer's body: over HTTP/2, its stream is open until the socket has taken it.
pub(super) struct Part {
    bytes: Bytes,
    stream: Option<Arc<Stream>>,
}

impl Buf for Part {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(slices)
    }

    fn advance(&mut self, bytes: usize) {
        self.bytes.advance(bytes);
        if let Some(stream) = &self.stream {
            stream.release(bytes as u64, true);
        }
    }

    fn copy_to_bytes(&mut self, bytes: usize) -> Bytes {
        if let Some(stream) = &self.stream {
            stream.release(bytes as u64, true);
        }
        self.bytes.split_to(bytes)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream
            && !self.bytes.is_empty()
        {
            stream.release(self.bytes.len() as u64, false);
        }
    }
}

pin_project! {
    /// An answer's body, which keeps its connection busy until it is over.
    #[project = HeldProjected]
    pub(super) enum Held<B> {
        /// On a connection of its own, which asks for a part when it has sent the one before.
        Alone { #[pin] inner: B, beat: Beat },
        OfStream { held: Multiplexed<B> },
    }
}

impl<B: Body + Send + 'static> Held<B> {
    /// On a connection of HTTP/1.
    pub(super) fn alone(inner: B, beat: Beat) -> Self {
        Self::Alone { inner, beat }
    }

    /// On this stream.
    pub(super) fn of(inner: B, stream: Arc<Stream>) -> Self {
        Self::OfStream {
            held: Multiplexed {
                inner: Some(Box::pin(inner)),
                stream,
                keep,
                trailers: None,
                bytes: 0,
                over: false,
            },
        }
    }
}

impl<B: Body<Data = Bytes>> Body for Held<B> {
    type Data = Part;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Part>, B::Error>>> {
        match self.project() {
            HeldProjected::Alone { inner, .. } => {
                let part = |bytes| Part { bytes, stream: None };
                inner.poll_frame(cx).map_ok(|frame| frame.map_data(part))
            }
            HeldProjected::OfStream { held } => held.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Alone { inner, .. } => inner.is_end_stream(),
            Self::OfStream { held } => held.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Alone { inner, .. } => inner.size_hint(),
            Self::OfStream { held } => {
                held.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
            }
        }
    }
}

/// A stream's body: it lives, and with it its place in every limit, until its client has taken it.
pub(super) struct Multiplexed<B> {
    inner: Option<Pin<Box<B>>>,
    stream: Arc<Stream>,
    keep: fn(Pin<Box<B>>) -> Kept,
    /// Trailers that wait for the rest of the body.
    trailers: Option<Frame<Part>>,
    bytes: u64,
    /// Whether the body has said that it has ended.
    over: bool,
}

fn keep<B: Send + 'static>(body: Pin<Box<B>>) -> Kept {
    body
}

impl<B: Body<Data = Bytes>> Multiplexed<B> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Part>, B::Error>>> {
        if self.trailers.is_some() || self.over {
            ready!(self.poll_end(cx));
        }
        if let Some(trailers) = self.trailers.take() {
            return Poll::Ready(Some(Ok(trailers)));
        }
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        match ready!(inner.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => {
                let frame = frame.map_data(|bytes| {
                    self.stream.give(bytes.len() as u64);
                    Part { bytes, stream: Some(Arc::clone(&self.stream)) }
                });
                self.over = self.inner.as_ref().is_none_or(Body::is_end_stream);
                if let Some(part) = frame.data_ref() {
                    self.bytes += part.remaining() as u64;
                } else if self.poll_end(cx).is_pending() {
                    self.trailers = Some(frame);
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => {
                // It is not asked again.
                self.over = true;
                self.park();
                self.poll_end(cx).map(|()| None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.trailers.is_none()
            && !self.keeps_back_its_end()
            && self.inner.as_ref().is_none_or(Body::is_end_stream)
    }
}

impl<B> Multiplexed<B> {
    /// Whether the end must wait until the client has taken the rest.
    fn keeps_back_its_end(&self) -> bool {
        self.bytes > SHORT && self.stream.is_held()
    }

    /// Ready where the end need not wait.
    fn poll_end(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.keeps_back_its_end() {
            return Poll::Ready(());
        }
        self.stream.waiting.register(cx.waker());
        // It may have been taken just before somebody was there to be woken.
        if self.stream.is_held() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Leaves the body to its stream.
    fn park(&mut self) {
        if let Some(body) = self.inner.take() {
            *lock(&self.stream.body) = Some((self.keep)(body));
        }
    }
}

impl<B> Drop for Multiplexed<B> {
    fn drop(&mut self) {
        if self.over && self.stream.is_held() {
            self.park();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is half-done under any of these locks.
    mutex.lock()
}
