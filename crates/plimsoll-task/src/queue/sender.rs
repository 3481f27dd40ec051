//! The side that puts in.

use super::{
    Closed, QueueStats, SendBeforeError, SendError, TrySendError,
    core::{Core, Item},
};
use crate::{deadline::Deadline, lock::proceed};
use std::{fmt, sync::Arc};
use tokio::{
    sync::mpsc::{self, error::TrySendError as Refusal},
    time::{Instant, timeout_at},
};

/// Puts items into a [`bounded`](super::bounded) queue. Clone it for each who sends; the queue ends when all are gone.
pub struct Sender<T> {
    pub(super) core: Arc<Core>,
    pub(super) inner: mpsc::Sender<Item<T>>,
}

impl<T> Sender<T> {
    /// Waits for a place and puts the item into it.
    ///
    /// # Errors
    /// The queue is closed.
    ///
    /// # Cancel safety
    /// Dropped before it ends, the item is dropped and was not sent, and the place in line is lost. To keep the item,
    /// [`reserve`](Self::reserve) its place first.
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.place().await {
            Ok(permit) => {
                permit.send(self.core.pack(value));
                Ok(())
            }
            Err(Closed) => Err(SendError(value)),
        }
    }

    /// Like [`send`](Self::send), but waits no longer than until the deadline. A place that is free is taken even then.
    ///
    /// # Errors
    /// There was no place until the deadline, which counts as refused, or the queue is closed.
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
            Ok(Err(Closed)) => Err(SendBeforeError::Closed(value)),
            Err(_) => {
                self.core.refused();
                Err(SendBeforeError::Late(value))
            }
        }
    }

    /// Puts the item in if there is a place now.
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

    /// Waits for a place and keeps it free for one item.
    ///
    /// # Errors
    /// The queue is closed.
    ///
    /// # Cancel safety
    /// Dropped while waiting, the place in line is lost and nothing else.
    pub async fn reserve(&self) -> Result<SendPermit<'_, T>, Closed> {
        Ok(SendPermit { inner: self.place().await?, core: &self.core })
    }

    /// Keeps a place free for one item, if there is one now.
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
    async fn place(&self) -> Result<mpsc::Permit<'_, Item<T>>, Closed> {
        let free = || match self.inner.try_reserve() {
            Ok(permit) => Some(Ok(permit)),
            Err(Refusal::Full(())) => None,
            Err(Refusal::Closed(())) => Some(Err(Closed)),
        };
        if let Some(place) = proceed(free).await {
            return place;
        }
        let _waiting = self.core.waits();
        self.inner.reserve().await.map_err(|_| Closed)
    }

    /// Ends when nobody receives any more.
    ///
    /// # Cancel safety
    /// Can be dropped at any time.
    pub async fn closed(&self) {
        self.inner.closed().await;
    }

    /// Whether nobody receives any more.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// What is known of the queue. Leaves a mark for the age of its items.
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

/// A place that is kept for one item; dropped, it is free again.
#[must_use = "a place that is not used is given back at once"]
pub struct SendPermit<'a, T> {
    inner: mpsc::Permit<'a, Item<T>>,
    core: &'a Core,
}

impl<T> SendPermit<'_, T> {
    /// Puts the item into it. The queue may have been closed meanwhile: what had its place before is still received.
    pub fn send(self, value: T) {
        self.inner.send(self.core.pack(value));
    }
}

impl<T> fmt::Debug for SendPermit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendPermit(..)")
    }
}
