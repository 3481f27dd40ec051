//! The measured mutex.

use super::{
    LockKind, LockStats, Owner, TryLockError,
    core::{Core, Share},
    guard::Guard,
};
use std::{fmt, panic::Location, sync::Arc, time::Duration};
use tokio::sync;

/// A [`tokio::sync::Mutex`] with a name, which knows its holder, the age of the hold, and its waiters.
///
/// First come, first served. It is not poisoned by a panic: the guard is dropped, and the next holder sees the value as
/// it is.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use plimsoll_task::lock::Mutex;
///
/// let orders = Mutex::new("orders", Vec::new());
/// orders.lock().await.push("tea");
/// let stats = orders.stats();
/// assert_eq!((stats.taken, stats.wait.count), (1, 0));
/// # }
/// ```
pub struct Mutex<T: ?Sized> {
    core: Arc<Core>,
    inner: sync::Mutex<T>,
}

/// A guard of a [`Mutex`].
pub type MutexGuard<'a, T> = Guard<'a, sync::MutexGuard<'a, T>>;

impl<T> Mutex<T> {
    /// A mutex with this name. Locks with the same name count as one in the lock order.
    pub fn new(name: &'static str, value: T) -> Self {
        Self { core: Core::new(name, LockKind::Mutex, true), inner: sync::Mutex::new(value) }
    }

    /// Sets the longest hold that is not a finding. Default 1 s.
    pub fn hold_limit(self, limit: Duration) -> Self {
        self.core.set_hold_limit(limit);
        self
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until the mutex is free, and takes it.
    ///
    /// # Cancel safety
    /// Dropping the future while it waits loses its position in the queue and nothing else.
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<'_, T>> {
        let location = Location::caller();
        async move {
            let try_now = || self.inner.try_lock().ok();
            let (inner, owner, since) = self.core.acquire(location, try_now, || self.inner.lock()).await;
            let record = self.core.begin(owner, Share::Exclusive, location, since);
            Guard { inner, core: &self.core, record }
        }
    }

    /// Takes the mutex if it is free.
    ///
    /// # Errors
    /// The mutex is held, or others wait for it.
    #[track_caller]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        let inner = self.inner.try_lock().map_err(|_| TryLockError)?;
        let record = self.core.begin(Owner::current(), Share::Exclusive, Location::caller(), None);
        Ok(Guard { inner, core: &self.core, record })
    }

    /// Returns the value without locking: the exclusive reference proves that there is no guard.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }

    /// Returns the mutex's statistics. Allocates.
    pub fn stats(&self) -> LockStats {
        self.core.stats(tokio::time::Instant::now())
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
