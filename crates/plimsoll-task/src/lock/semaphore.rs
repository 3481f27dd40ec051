//! The measured semaphore.

use super::{
    AcquireError, LockKind, LockStats, Owner, SourceLocation, TryAcquireError,
    core::{Core, HoldRecord, Share},
    guard::Guard,
};
use std::{fmt, panic::Location, sync::Arc, time::Duration};
use tokio::sync;

/// A [`tokio::sync::Semaphore`] with a name, which knows the holders of its permits, and its waiters.
///
/// First come, first served, however many permits a caller asks for. Of the holders up to eight are seen, and fewer if
/// their numbers share a slot: then only the last one, until one of them leaves. Only a semaphore made with a single
/// permit takes part in the search for cycles: with more, one stuck holder does not mean that no permit comes back.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), plimsoll_task::lock::AcquireError> {
/// use plimsoll_task::lock::Semaphore;
///
/// let uploads = Semaphore::new("uploads", 4);
/// let permit = uploads.acquire().await?;
/// assert_eq!(uploads.available_permits(), 3);
/// # drop(permit); Ok(())
/// # }
/// ```
pub struct Semaphore {
    core: Arc<Core>,
    inner: Arc<sync::Semaphore>,
}

impl Semaphore {
    /// A semaphore with this name and number of permits.
    ///
    /// # Panics
    /// With more than [`tokio::sync::Semaphore::MAX_PERMITS`].
    pub fn new(name: &'static str, permits: usize) -> Self {
        Self {
            core: Core::new(name, LockKind::Semaphore, permits == 1),
            inner: Arc::new(sync::Semaphore::new(permits)),
        }
    }

    /// Sets the longest hold of a permit that is not a finding. Default 1 s; a semaphore that bounds long work needs
    /// more.
    pub fn hold_limit(self, limit: Duration) -> Self {
        self.core.set_hold_limit(limit);
        self
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// The semaphore was closed.
    ///
    /// # Cancel safety
    /// Dropping the future while it waits loses its position in the queue and nothing else.
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Result<Permit<'_>, AcquireError>> {
        self.acquire_at(1, Location::caller())
    }

    /// Waits for this number of permits at once.
    ///
    /// # Errors
    /// The semaphore was closed.
    ///
    /// # Cancel safety
    /// Dropping the future while it waits loses its position in the queue and nothing else.
    #[track_caller]
    pub fn acquire_many(&self, permits: u32) -> impl Future<Output = Result<Permit<'_>, AcquireError>> {
        self.acquire_at(permits, Location::caller())
    }

    async fn acquire_at(&self, permits: u32, location: SourceLocation) -> Result<Permit<'_>, AcquireError> {
        let try_now = || self.inner.try_acquire_many(permits).ok().map(Ok);
        let wait = || self.inner.acquire_many(permits);
        let (inner, owner, since) = self.core.acquire(location, try_now, wait).await;
        let inner = inner.map_err(|_| AcquireError)?;
        let record = self.core.begin(owner, Share::Shared, location, since);
        Ok(Guard { inner, core: &self.core, record })
    }

    /// Takes this number of permits, if they are available.
    ///
    /// # Errors
    /// They are not, or the semaphore was closed.
    #[track_caller]
    pub fn try_acquire_many(&self, permits: u32) -> Result<Permit<'_>, TryAcquireError> {
        let inner = self.inner.try_acquire_many(permits)?;
        let record = self.core.begin(Owner::current(), Share::Shared, Location::caller(), None);
        Ok(Guard { inner, core: &self.core, record })
    }

    /// Takes a permit, if one is available.
    ///
    /// # Errors
    /// None is, or the semaphore was closed.
    #[track_caller]
    pub fn try_acquire(&self) -> Result<Permit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Like [`acquire`](Self::acquire), with a permit that borrows nothing and can be moved to another task. It still
    /// counts as held by the task that took it.
    ///
    /// # Errors
    /// The semaphore was closed.
    ///
    /// # Cancel safety
    /// Dropping the future while it waits loses its position in the queue and nothing else.
    #[track_caller]
    pub fn acquire_owned(&self) -> impl Future<Output = Result<OwnedPermit, AcquireError>> + use<> {
        let location = Location::caller();
        let (core, semaphore) = (Arc::clone(&self.core), Arc::clone(&self.inner));
        async move {
            let try_now = || Arc::clone(&semaphore).try_acquire_owned().ok().map(Ok);
            let wait = || Arc::clone(&semaphore).acquire_owned();
            let (inner, owner, since) = core.acquire(location, try_now, wait).await;
            let inner = inner.map_err(|_| AcquireError)?;
            let record = core.begin(owner, Share::Shared, location, since);
            Ok(OwnedPermit { inner, core, record })
        }
    }

    /// Returns the number of available permits.
    pub fn available_permits(&self) -> usize {
        self.inner.available_permits()
    }

    /// Adds permits. The semaphore no longer takes part in the search for cycles.
    ///
    /// # Panics
    /// Past [`tokio::sync::Semaphore::MAX_PERMITS`].
    pub fn add_permits(&self, more: usize) {
        self.core.several_may_hold();
        self.inner.add_permits(more);
    }

    /// Closes the semaphore: no more permits are given, and waiters receive [`AcquireError`].
    pub fn close(&self) {
        self.inner.close();
    }

    /// Returns whether the semaphore was closed.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Returns the semaphore's statistics. Allocates.
    pub fn stats(&self) -> LockStats {
        self.core.stats(tokio::time::Instant::now())
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// Permits of a [`Semaphore`], given back when this is dropped.
pub type Permit<'a> = Guard<'a, sync::SemaphorePermit<'a>>;

impl Permit<'_> {
    /// Returns the number of permits.
    pub fn permits(&self) -> usize {
        self.inner.num_permits()
    }
}

/// A permit of a [`Semaphore`] that borrows nothing, given back when this is dropped.
#[must_use = "a permit that is not kept is given back at once"]
#[derive(Debug)]
pub struct OwnedPermit {
    #[expect(dead_code, reason = "gives the permit back when it is dropped")]
    inner: sync::OwnedSemaphorePermit,
    core: Arc<Core>,
    record: HoldRecord,
}

impl Drop for OwnedPermit {
    #[inline]
    fn drop(&mut self) {
        self.core.end(&self.record);
    }
}
