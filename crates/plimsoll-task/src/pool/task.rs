//! Work that was handed in.

use super::{PoolError, worker::Shared};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::sync::oneshot;

/// The result of work to come. Dropped before the work has begun, it is never begun.
///
/// # Errors
/// The work panicked, its deadline passed before it was begun, or the pool was closed before that.
///
/// # Panics
/// When polled again after it has receiver.
#[must_use = "work whose task is dropped is given up"]
pub struct Task<T> {
    receiver: oneshot::Receiver<Result<T, PoolError>>,
    /// `None` once there is nothing to give up.
    queued: Option<(u64, Arc<Shared>)>,
}

impl<T> Task<T> {
    pub(super) fn new(
        receiver: oneshot::Receiver<Result<T, PoolError>>,
        ticket: u64,
        shared: Arc<Shared>,
    ) -> Self {
        Self { receiver, queued: Some((ticket, shared)) }
    }

    /// Detaches the work: it is done although no task waits for it.
    pub fn detach(mut self) {
        self.queued = None;
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, PoolError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.receiver).poll(cx));
        self.queued = None;
        Poll::Ready(result.unwrap_or(Err(PoolError::Closed)))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some((ticket, shared)) = self.queued.take()
            && shared.queue.give_up(ticket).is_some()
        {
            shared.counts.given_up();
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task(..)")
    }
}
