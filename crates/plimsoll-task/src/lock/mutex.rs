//! One at a time.

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

/// [`tokio::sync::Mutex`] that has a name, and knows who holds it, since about when, and who waits.
///
/// First come, first served. It is not poisoned by a panic: the guard is dropped, and the next one sees what is there.
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

impl<T> Mutex<T> {
    /// A mutex of that name. Locks may share one; in the order of locks they are then one.
    pub fn new(name: &'static str, value: T) -> Self {
        Self { core: Core::new(name, LockKind::Mutex, true), inner: sync::Mutex::new(value) }
    }

    /// To hold it for longer is a finding. Default 1 s.
    pub fn hold_limit(self, limit: Duration) -> Self {
        self.core.set_hold_limit(limit);
        self
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until it is free, and takes it.
    ///
    /// # Cancel safety
    /// Dropped while waiting, the place in line is lost and nothing else.
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<'_, T>> {
        let place = Location::caller();
        async move {
            let taken = proceed(|| self.inner.try_lock().ok()).await;
            let owner = Owner::current();
            let (inner, since) = match taken {
                Some(inner) => (inner, None),
                None => self.core.wait(owner, place, self.inner.lock()).await,
            };
            let tenure = self.core.begin(owner, Share::Exclusive, place, since);
            MutexGuard { inner, core: &self.core, tenure }
        }
    }

    /// Takes it, if it is free.
    ///
    /// # Errors
    /// Somebody has it, or waits for it.
    #[track_caller]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, WouldBlock> {
        let inner = self.inner.try_lock().map_err(|_| WouldBlock)?;
        let tenure = self.core.begin(Owner::current(), Share::Exclusive, Location::caller(), None);
        Ok(MutexGuard { inner, core: &self.core, tenure })
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

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// The value of a [`Mutex`], as long as this is held.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct MutexGuard<'a, T: ?Sized> {
    inner: sync::MutexGuard<'a, T>,
    core: &'a Core,
    tenure: Tenure,
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.core.end(&self.tenure);
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
