//! The receiving side of a queue.

use super::{
    QueueStats, TryRecvError,
    core::{Core, Item},
};
use crate::trace::TraceContext;
use futures_core::Stream;
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    sync::mpsc::{self, error::TryRecvError as Nothing},
    time::Instant,
};

/// The receiver of a [`bounded`](super::bounded) queue, in the order of sending. Also a [`Stream`].
pub struct Receiver<T> {
    pub(super) core: Arc<Core>,
    pub(super) inner: mpsc::Receiver<Item<T>>,
}

impl<T> Receiver<T> {
    /// Waits for the next item. `None` when the queue is empty and closed, or all senders are gone.
    ///
    /// # Cancel safety
    /// Dropped before it ends, nothing was taken.
    #[inline]
    pub async fn recv(&mut self) -> Option<T> {
        Some(self.recv_traced().await?.0)
    }

    /// Waits for the next item, as [`recv`](Self::recv), and returns also the trace of its sender, to process the item
    /// as a part of it by [`TraceContext::scope`].
    ///
    /// # Cancel safety
    /// Dropped before it ends, nothing was taken.
    #[inline]
    pub async fn recv_traced(&mut self) -> Option<(T, TraceContext)> {
        let item = self.inner.recv().await?;
        Some(self.core.unpack(item))
    }

    /// Waits for an item, and takes with it all that are there, up to `most` in all, to process several at once, as one
    /// transaction. Returns the number appended to `items`; zero when the queue has ended, or `most` is zero.
    ///
    /// # Cancel safety
    /// Dropped before it ends, nothing was taken.
    pub async fn recv_many(&mut self, items: &mut Vec<T>, most: usize) -> usize {
        if most == 0 {
            return 0;
        }
        let Some(first) = self.recv().await else { return 0 };
        items.push(first);
        let mut count = 1;
        while count < most
            && let Ok(item) = self.try_recv()
        {
            items.push(item);
            count += 1;
        }
        count
    }

    /// Takes the next item, if there is one now.
    ///
    /// # Errors
    /// There is none.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.inner.try_recv() {
            Ok(item) => Ok(self.core.unpack(item).0),
            Err(Nothing::Empty) => Err(TryRecvError::Empty),
            Err(Nothing::Disconnected) => Err(TryRecvError::Closed),
        }
    }

    /// Closes the queue for further items. Items in it, and those with a reserved slot, are still received.
    pub fn close(&mut self) {
        self.inner.close();
    }

    /// Items in the queue.
    pub fn len(&self) -> usize {
        self.core.depth()
    }

    /// Returns whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the queue's statistics. Leaves a mark for the age of its items.
    pub fn stats(&self) -> QueueStats {
        self.core.stats(Instant::now())
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.get_mut();
        this.inner.poll_recv(cx).map(|item| Some(this.core.unpack(item?).0))
    }
}

impl<T> Drop for Receiver<T> {
    /// Drops the items still in the queue, counts them as lost, and logs one line.
    fn drop(&mut self) {
        self.inner.close();
        let mut lost = 0;
        while self.inner.try_recv().is_ok() {
            lost += 1;
        }
        if lost > 0 {
            self.core.lost(lost);
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
