//! The responses of one connection that its client has not taken yet.
//!
//! hyper asks for a response's body until it holds as much as it may, and then knows nothing of time. Each part of a body
//! is therefore followed until the socket has taken it. Until then the body itself lives, and with it its place in every
//! limit. Over HTTP/2, each response is a stream, which is reset when its client takes nothing of it for too long.

use super::{
    activity::{self, ActiveRequest, ConnectionActivity},
    unsent::Unsent,
};
use futures_util::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};
use pin_project_lite::pin_project;
use std::{
    fmt, mem,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{sync::Notify, task::AbortHandle, time::Instant};

/// The number of looks into which the time is divided for which a client may take nothing.
pub(super) const LOOKS: u32 = 4;

/// A value that is kept alive until the client has taken it.
pub(super) trait Alive: Send {}
impl<T: Send> Alive for T {}
pub(super) type Kept = Pin<Box<dyn Alive>>;

/// The streams that are open on a connection.
pub(super) struct Streams {
    open: Mutex<Vec<Weak<Stream>>>,
    /// The stream whose task hyper is about to spawn.
    begun: Mutex<Option<Weak<Stream>>>,
    /// Bodies that have been taken. The last part goes within hyper's locks, which a body may need to be dropped: the
    /// connection's own task drops them.
    over: Mutex<Vec<Kept>>,
    /// Whether there is anything in it: asked after every poll of the connection.
    any_over: AtomicBool,
    used: AtomicBool,
    first: Notify,
    unsent: Arc<Unsent>,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("open", &lock(&self.open).len()).finish_non_exhaustive()
    }
}

/// A response, until its client has taken it: a stream of HTTP/2, or a response of HTTP/1.
pub(super) struct Stream {
    streams: Arc<Streams>,
    unsent: AtomicU64,
    moved: AtomicU64,
    /// The bytes that had moved at a look, and since when no more have.
    still: Mutex<(u64, Option<Instant>)>,
    body: Mutex<Option<Kept>>,
    pub(super) waiting: AtomicWaker,
    task: Mutex<Option<AbortHandle>>,
    active: ActiveRequest,
    /// Whether it can be reset alone, without its connection.
    pub(super) multiplexed: bool,
}

impl Streams {
    pub(super) fn new(unsent: &Arc<Unsent>) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            begun: Mutex::default(),
            over: Mutex::default(),
            any_over: AtomicBool::new(false),
            used: AtomicBool::new(false),
            first: Notify::new(),
            unsent: Arc::clone(unsent),
        })
    }

    /// A stream of HTTP/2 has begun.
    pub(super) fn open(self: &Arc<Self>, active: ActiveRequest) -> Arc<Stream> {
        let stream = self.response(active, true);
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

    /// A response of HTTP/1, which has its connection for itself: the socket's own limit ends both.
    pub(super) fn alone(self: &Arc<Self>, active: ActiveRequest) -> Arc<Stream> {
        self.response(active, false)
    }

    fn response(self: &Arc<Self>, active: ActiveRequest, multiplexed: bool) -> Arc<Stream> {
        Arc::new(Stream {
            streams: Arc::clone(self),
            unsent: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            still: Mutex::default(),
            body: Mutex::default(),
            waiting: AtomicWaker::new(),
            task: Mutex::default(),
            active,
            multiplexed,
        })
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
    #[inline]
    pub(super) fn clear(&self) {
        if self.any_over.load(Relaxed) {
            self.clear_all();
        }
    }

    #[cold]
    fn clear_all(&self) {
        self.any_over.store(false, Relaxed);
        // Whoever puts another in meanwhile says so again.
        let over = mem::take(&mut *lock(&self.over));
        drop(over);
    }

    /// Resets the streams of which the client has taken nothing for so long, or since the last look where the memory of
    /// the server is full of such. Returns whether these are all streams, and nothing else is under way.
    pub(super) fn look(&self, now: Instant, limit: Duration) -> bool {
        let limit = if self.unsent.is_full() { limit / LOOKS } else { limit };
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

/// The executor of hyper's tasks, which knows the stream of each.
#[derive(Clone, Debug)]
pub(super) struct Executor {
    streams: Arc<Streams>,
    activity: Arc<ConnectionActivity>,
}

impl Executor {
    pub(super) fn new(activity: &Arc<ConnectionActivity>, streams: &Arc<Streams>) -> Self {
        Self { streams: Arc::clone(streams), activity: Arc::clone(activity) }
    }
}

impl<F: Future<Output: Send + 'static> + Send + 'static> hyper::rt::Executor<F> for Executor {
    fn execute(&self, future: F) {
        self.streams.spawn(Counted { task: future, _open: self.activity.stream() });
    }
}

pin_project! {
    /// A task that tells how long its stream is open. A stream that becomes something else (RFC 8441) outlives its response:
    /// hyper hands its writing half to a task, which ends with the stream.
    struct Counted<F> {
        #[pin]
        task: F,
        _open: activity::Stream,
    }
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().task.poll(cx)
    }
}

impl Stream {
    /// The request that keeps its connection busy.
    pub(super) const fn active(&self) -> &ActiveRequest {
        &self.active
    }

    pub(super) fn is_held(&self) -> bool {
        self.unsent.load(Relaxed) > 0
    }

    /// Whether the rest of the body has to wait until what is held is sent: the memory of the server is full of such.
    pub(super) fn must_wait(&self) -> bool {
        self.is_held() && self.streams.unsent.is_full()
    }

    pub(super) fn give(&self, bytes: u64) {
        self.unsent.fetch_add(bytes, Relaxed);
        self.streams.unsent.add(bytes);
    }

    pub(super) fn release(&self, bytes: u64, taken: bool) {
        self.streams.unsent.remove(bytes);
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

    /// Keeps a body until the client has taken what is held of it.
    pub(super) fn keep(&self, body: Kept) {
        *lock(&self.body) = Some(body);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let body = self.body.get_mut().take();
        if let Some(body) = body {
            lock(&self.streams.over).push(body);
            self.streams.any_over.store(true, Relaxed);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is half-done under any of these locks.
    mutex.lock()
}
