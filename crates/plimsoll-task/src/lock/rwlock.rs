//! The measured read-write lock.

use super::{
    LockKind, LockStats, Owner, TryLockError,
    core::{Core, Share},
    guard::Guard,
};
use std::{fmt, panic::Location, sync::Arc, time::Duration};
use tokio::sync;

/// A [`tokio::sync::RwLock`] with a name, which knows its writer, its readers, and its waiters.
///
/// Fair: readers that come after a waiting writer do not overtake it. So a task that reads and asks to read again can
/// wait for a writer that waits for it; that is found as [waiting for oneself](super::FindingKind::OnItself).
///
/// Of concurrent readers up to eight are seen, and fewer if their numbers share a slot: then only the last one, until
/// one of them leaves. A reader that is seen does read, at the location shown.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use plimsoll_task::lock::RwLock;
///
/// let prices = RwLock::new("prices", 1);
/// *prices.write().await += 1;
/// assert_eq!(*prices.read().await, 2);
/// # }
/// ```
pub struct RwLock<T: ?Sized> {
    core: Arc<Core>,
    inner: sync::RwLock<T>,
}

/// A guard of an [`RwLock`] for reading.
pub type RwLockReadGuard<'a, T> = Guard<'a, sync::RwLockReadGuard<'a, T>>;

/// A guard of an [`RwLock`] for writing.
pub type RwLockWriteGuard<'a, T> = Guard<'a, sync::RwLockWriteGuard<'a, T>>;

impl<T> RwLock<T> {
    /// A lock with this name. Locks with the same name count as one in the lock order.
    pub fn new(name: &'static str, value: T) -> Self {
        Self { core: Core::new(name, LockKind::RwLock, true), inner: sync::RwLock::new(value) }
    }

    /// Sets the longest hold, for reading or writing, that is not a finding. Default 1 s.
    pub fn hold_limit(self, limit: Duration) -> Self {
        self.core.set_hold_limit(limit);
        self
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until there is no writer, holding or waiting, and takes the lock for reading.
    ///
    /// # Cancel safety
    /// Dropping the future while it waits loses its position in the queue and nothing else.
    #[track_caller]
    pub fn read(&self) -> impl Future<Output = RwLockReadGuard<'_, T>> {
        let location = Location::caller();
        async move {
            let try_now = || self.inner.try_read().ok();
            let (inner, owner, since) = self.core.acquire(location, try_now, || self.inner.read()).await;
            let record = self.core.begin(owner, Share::Shared, location, since);
            Guard { inner, core: &self.core, record }
        }
    }

    /// Waits until there is no holder, and takes the lock for writing.
    ///
    /// # Cancel safety
    /// Dropping the future while it waits loses its position in the queue and nothing else.
    #[track_caller]
    pub fn write(&self) -> impl Future<Output = RwLockWriteGuard<'_, T>> {
        let location = Location::caller();
        async move {
            let try_now = || self.inner.try_write().ok();
            let (inner, owner, since) = self.core.acquire(location, try_now, || self.inner.write()).await;
            let record = self.core.begin(owner, Share::Exclusive, location, since);
            Guard { inner, core: &self.core, record }
        }
    }

    /// Takes the lock for reading, if that is possible at once.
    ///
    /// # Errors
    /// There is a writer, holding or waiting.
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        let inner = self.inner.try_read().map_err(|_| TryLockError)?;
        let record = self.core.begin(Owner::current(), Share::Shared, Location::caller(), None);
        Ok(Guard { inner, core: &self.core, record })
    }

    /// Takes the lock for writing, if it is free.
    ///
    /// # Errors
    /// The lock is held, or others wait for it.
    #[track_caller]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        let inner = self.inner.try_write().map_err(|_| TryLockError)?;
        let record = self.core.begin(Owner::current(), Share::Exclusive, Location::caller(), None);
        Ok(Guard { inner, core: &self.core, record })
    }

    /// Returns the value without locking: the exclusive reference proves that there is no guard.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }

    /// Returns the lock's statistics. Allocates.
    pub fn stats(&self) -> LockStats {
        self.core.stats(tokio::time::Instant::now())
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
