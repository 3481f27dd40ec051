//! The sending side of a queue.

use super::{
    QueueClosedError, QueueStats, SendBeforeError, SendError, TrySendError,
    core::{Core, Item},
};
use crate::{deadline::Deadline, lock::proceed};
use std::{fmt, sync::Arc};
use tokio::{
    sync::mpsc::{self, error::TrySendError as Refusal},
    time::{Instant, timeout_at},
};

/// The sender of a [`bounded`](super::bounded) queue. Clone it for each sending task; the queue ends when all are
/// dropped.
pub struct Sender<T> {
    pub(super) core: Arc<Core>,
    pub(super) inner: mpsc::Sender<Item<T>>,
}

impl<T> Sender<T> {
    /// Waits for a free slot and sends the item.
    ///
    /// # Errors
    /// The queue is closed.
    ///
    /// # Cancel safety
    /// Dropping the future drops the item unsent and loses its position among the waiters. To keep the item,
    /// [`reserve`](Self::reserve) a slot first.
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.place().await {
            Ok(permit) => {
                permit.send(self.core.pack(value));
                Ok(())
            }
            Err(QueueClosedError) => Err(SendError(value)),
        }
    }

    /// Like [`send`](Self::send), but waits no longer than until the deadline. A free slot is taken even after it.
    ///
    /// # Errors
    /// There was no free slot until the deadline, which counts as refused, or the queue is closed.
    ///
    /// # Panics
    /// If it has to wait, outside of a runtime with a timer.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn send_before(&self, value: T, deadline: Deadline) -> Result<(), SendBeforeError<T>> {
        let place = match deadline.instant() {
            Some(at) => timeout_at(at, self.place()).await,
            None => Ok(self.place().await),
        };
        match place {
            Ok(Ok(permit)) => {
                permit.send(self.core.pack(value));
                Ok(())
            }
            Ok(Err(QueueClosedError)) => Err(SendBeforeError::Closed(value)),
            Err(_) => {
                self.core.refused();
                Err(SendBeforeError::Late(value))
            }
        }
    }

    /// Sends the item if there is a free slot.
    ///
    /// # Errors
    /// There is none, which counts as refused, or the queue is closed.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.inner.try_reserve() {
            Ok(permit) => {
                permit.send(self.core.pack(value));
                Ok(())
            }
            Err(Refusal::Full(())) => {
                self.core.found_full();
                self.core.refused();
                Err(TrySendError::Full(value))
            }
            Err(Refusal::Closed(())) => Err(TrySendError::Closed(value)),
        }
    }

    /// Waits for a free slot and reserves it for one item.
    ///
    /// # Errors
    /// The queue is closed.
    ///
    /// # Cancel safety
    /// Dropping the future while it waits loses its position among the waiters and nothing else.
    pub async fn reserve(&self) -> Result<SendPermit<'_, T>, QueueClosedError> {
        Ok(SendPermit { inner: self.place().await?, core: &self.core })
    }

    /// Reserves a slot for one item, if one is free.
    ///
    /// # Errors
    /// There is none, or the queue is closed.
    pub fn try_reserve(&self) -> Result<SendPermit<'_, T>, TrySendError<()>> {
        match self.inner.try_reserve() {
            Ok(inner) => Ok(SendPermit { inner, core: &self.core }),
            Err(Refusal::Full(())) => {
                self.core.found_full();
                Err(TrySendError::Full(()))
            }
            Err(Refusal::Closed(())) => Err(TrySendError::Closed(())),
        }
    }

    #[inline]
    async fn place(&self) -> Result<mpsc::Permit<'_, Item<T>>, QueueClosedError> {
        let free = || match self.inner.try_reserve() {
            Ok(permit) => Some(Ok(permit)),
            Err(Refusal::Full(())) => None,
            Err(Refusal::Closed(())) => Some(Err(QueueClosedError)),
        };
        if let Some(place) = proceed(free).await {
            return place;
        }
        let _waiting = self.core.waits();
        self.inner.reserve().await.map_err(|_| QueueClosedError)
    }

    /// Completes when the receiver is gone or has closed the queue.
    ///
    /// # Cancel safety
    /// Can be dropped at any time.
    pub async fn closed(&self) {
        self.inner.closed().await;
    }

    /// Returns whether the receiver is gone or has closed the queue.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Returns the queue's statistics. Leaves a mark for the age of its items.
    pub fn stats(&self) -> QueueStats {
        self.core.stats(Instant::now())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), inner: self.inner.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// A reserved slot for one item. Dropping it frees the slot.
#[must_use = "a slot that is not used is freed at once"]
pub struct SendPermit<'a, T> {
    inner: mpsc::Permit<'a, Item<T>>,
    core: &'a Core,
}

impl<T> SendPermit<'_, T> {
    /// Sends the item. Even if the queue has been closed meanwhile, an item with a reserved slot is still received.
    pub fn send(self, value: T) {
        self.inner.send(self.core.pack(value));
    }
}

impl<T> fmt::Debug for SendPermit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendPermit(..)")
    }
}
