use super::error::Error;
use crate::{
    panic::{Caught, catch},
    sync::{Mutex, lock},
};
use futures_util::stream::{FuturesUnordered, Stream};
use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

type Job<'env, E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send + 'env>>;

/// As many children of one task may be alive at once.
const LIMIT: usize = 65_536;

/// Runs `body` and children that may borrow, all of them within the task that awaits this.
///
/// The children take turns; they do not run in parallel, and one that blocks blocks all. For that, the guarantee is
/// whole: the futures are part of this one, so they are gone with it at the very moment it ends or is dropped. The first
/// error drops all others at once. Deadline and enclosing scope are those of the task. See the [module](super) for which
/// of the two kinds of scope is for what.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use plimsoll_task::scope;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// let prices = [3, 4, 5];
/// let sum = AtomicU64::new(0);
/// scope::local(async |s: scope::Local<'_, std::io::Error>| {
///     for price in &prices {
///         s.spawn(async {
///             tokio::task::yield_now().await;
///             sum.fetch_add(*price, Relaxed);
///             Ok(())
///         });
///     }
///     Ok(())
/// })
/// .await?;
/// assert_eq!(sum.into_inner(), 12);
/// # Ok::<_, scope::Error<std::io::Error>>(())
/// # }).unwrap();
/// ```
///
/// Cancel safe in the same sense: dropped, everything in it is dropped.
///
/// # Errors
/// The first error, or panic, of the body's children, or the body's error; [`Error::Full`] beyond 65,536 children at
/// once.
///
/// # Panics
/// With the body's own panic; the children are gone by then.
pub async fn local<'env, T, E, F, Fut>(body: F) -> Result<T, Error<E>>
where
    F: FnOnce(Local<'env, E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: 'env,
{
    let queue = Queue { waiting: Vec::new(), live: 0, full: false, closed: false, waker: None };
    let scope = Local { queue: Arc::new(Mutex::new(queue)) };
    let closing = Closing(scope.clone());
    let mut running: FuturesUnordered<Caught<Job<'env, E>>> = FuturesUnordered::new();
    let mut body = pin!(Some(body(scope)));
    let mut value = None;
    poll_fn(|cx| {
        loop {
            if let Some(future) = body.as_mut().as_pin_mut()
                && let Poll::Ready(ended) = future.poll(cx)
            {
                body.set(None);
                value = Some(ended.map_err(Error::Failed)?);
            }
            closing.take(&mut running)?;
            match Pin::new(&mut running).poll_next(cx) {
                Poll::Ready(Some(ended)) => {
                    ended.map_err(Error::Panicked)?.map_err(Error::Failed)?;
                    closing.one_less();
                }
                Poll::Ready(None) => {
                    if let Some(value) = value.take() {
                        return Poll::Ready(Ok(value));
                    }
                    if closing.sleeps(cx) {
                        return Poll::Pending;
                    }
                }
                Poll::Pending if closing.sleeps(cx) => return Poll::Pending,
                Poll::Pending => {}
            }
        }
    })
    .await
}

/// The way into a scope whose children may borrow; see [`local`]. Clones are the same scope.
pub struct Local<'env, E> {
    queue: Arc<Mutex<Queue<'env, E>>>,
}

struct Queue<'env, E> {
    waiting: Vec<Job<'env, E>>,
    live: usize,
    full: bool,
    closed: bool,
    waker: Option<Waker>,
}

impl<'env, E> Local<'env, E> {
    /// Adds a child. It is polled first when the task comes round to it, not in here.
    ///
    /// Once the scope is over it is dropped at once; beyond the limit as well, and then the scope fails with
    /// [`Error::Full`].
    pub fn spawn(&self, future: impl Future<Output = Result<(), E>> + Send + 'env) {
        let job: Job<'env, E> = Box::pin(future);
        let waker = {
            let mut queue = lock(&self.queue);
            if !queue.closed && queue.live < LIMIT {
                queue.live += 1;
                queue.waiting.push(job);
            } else {
                queue.full |= !queue.closed;
                // A child's `Drop` is anybody's code.
                drop(queue);
                drop(job);
                return;
            }
            queue.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Children that are alive now.
    pub fn live(&self) -> usize {
        lock(&self.queue).live
    }
}

impl<E> Clone for Local<'_, E> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue) }
    }
}

impl<E> fmt::Debug for Local<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("live", &self.live()).finish_non_exhaustive()
    }
}

/// The driver's side. A child that holds the scope and still waits in its queue is a circle, which is cut by the drop.
struct Closing<'env, E>(Local<'env, E>);

impl<'env, E> Closing<'env, E> {
    fn take(&self, running: &mut FuturesUnordered<Caught<Job<'env, E>>>) -> Result<(), Error<E>> {
        let mut queue = lock(&self.0.queue);
        running.extend(queue.waiting.drain(..).map(catch));
        if queue.full { Err(Error::Full) } else { Ok(()) }
    }

    fn one_less(&self) {
        lock(&self.0.queue).live -= 1;
    }

    /// False where a child has come in since the last look.
    fn sleeps(&self, cx: &Context<'_>) -> bool {
        let mut queue = lock(&self.0.queue);
        let sleeps = queue.waiting.is_empty() && !queue.full;
        if sleeps {
            queue.waker = Some(cx.waker().clone());
        }
        sleeps
    }
}

impl<E> Drop for Closing<'_, E> {
    fn drop(&mut self) {
        let waiting = {
            let mut queue = lock(&self.0.queue);
            queue.closed = true;
            std::mem::take(&mut queue.waiting)
        };
        drop(waiting);
    }
}
