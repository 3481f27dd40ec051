//! Many who read, or one who writes.

use super::{
    LockKind, LockStats, Owner, WouldBlock,
    core::{Core, Share, Tenure},
    proceed,
};
use std::{
    fmt,
    ops::{Deref, DerefMut},
    panic::Location,
    sync::Arc,
    time::Duration,
};
use tokio::sync;

/// [`tokio::sync::RwLock`] that has a name, and knows who writes, who reads, and who waits.
///
/// Fair: who wants to write is not overtaken by those who come to read after it. So a task that reads already and
/// asks to read again can wait for a writer that waits for it; that is found as [waiting for
/// oneself](super::FindingKind::OnItself).
///
/// Of those who read at the same time up to eight are seen, and fewer where their numbers meet in a seat: then the last
/// who came is, until one of them leaves. Who is seen does read, and where it is said to.
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

impl<T> RwLock<T> {
    /// A lock of that name. Locks may share one; in the order of locks they are then one.
    pub fn new(name: &'static str, value: T) -> Self {
        Self { core: Core::new(name, LockKind::RwLock, true), inner: sync::RwLock::new(value) }
    }

    /// To hold it for longer, in either way, is a finding. Default 1 s.
    pub fn hold_limit(self, limit: Duration) -> Self {
        self.core.set_hold_limit(limit);
        self
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until nobody writes and nobody waits to write, and takes it to read.
    ///
    /// # Cancel safety
    /// Dropped while waiting, the place in line is lost and nothing else.
    #[track_caller]
    pub fn read(&self) -> impl Future<Output = RwLockReadGuard<'_, T>> {
        let place = Location::caller();
        async move {
            let taken = proceed(|| self.inner.try_read().ok()).await;
            let owner = Owner::current();
            let (inner, since) = match taken {
                Some(inner) => (inner, None),
                None => self.core.wait(owner, place, self.inner.read()).await,
            };
            let tenure = self.core.begin(owner, Share::Shared, place, since);
            RwLockReadGuard { inner, core: &self.core, tenure }
        }
    }

    /// Waits until nobody reads or writes, and takes it to write.
    ///
    /// # Cancel safety
    /// Dropped while waiting, the place in line is lost and nothing else.
    #[track_caller]
    pub fn write(&self) -> impl Future<Output = RwLockWriteGuard<'_, T>> {
        let place = Location::caller();
        async move {
            let taken = proceed(|| self.inner.try_write().ok()).await;
            let owner = Owner::current();
            let (inner, since) = match taken {
                Some(inner) => (inner, None),
                None => self.core.wait(owner, place, self.inner.write()).await,
            };
            let tenure = self.core.begin(owner, Share::Exclusive, place, since);
            RwLockWriteGuard { inner, core: &self.core, tenure }
        }
    }

    /// Takes it to read, if that is free.
    ///
    /// # Errors
    /// Somebody writes, or waits to write.
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, WouldBlock> {
        let inner = self.inner.try_read().map_err(|_| WouldBlock)?;
        let tenure = self.core.begin(Owner::current(), Share::Shared, Location::caller(), None);
        Ok(RwLockReadGuard { inner, core: &self.core, tenure })
    }

    /// Takes it to write, if it is free.
    ///
    /// # Errors
    /// Somebody has it, or waits for it.
    #[track_caller]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, WouldBlock> {
        let inner = self.inner.try_write().map_err(|_| WouldBlock)?;
        let tenure = self.core.begin(Owner::current(), Share::Exclusive, Location::caller(), None);
        Ok(RwLockWriteGuard { inner, core: &self.core, tenure })
    }

    /// The value, without a lock: nobody else can have it.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }

    /// What is known of it. Allocates.
    pub fn stats(&self) -> LockStats {
        self.core.stats(tokio::time::Instant::now())
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// The value of an [`RwLock`], to read, as long as this is held.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    inner: sync::RwLockReadGuard<'a, T>,
    core: &'a Core,
    tenure: Tenure,
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.core.end(&self.tenure);
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// The value of an [`RwLock`], to write, as long as this is held.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    inner: sync::RwLockWriteGuard<'a, T>,
    core: &'a Core,
    tenure: Tenure,
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.core.end(&self.tenure);
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
