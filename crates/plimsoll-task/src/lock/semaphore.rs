//! So many at a time.

use super::{
    Closed, LockKind, LockStats, Owner, Place, TryAcquireError,
    core::{Core, Share, Tenure},
    proceed,
};
use std::{fmt, panic::Location, sync::Arc, time::Duration};
use tokio::sync;

/// [`tokio::sync::Semaphore`] that has a name, and knows who has its permits, and who waits.
///
/// First come, first served, however many permits one asks for. Of those who have permits up to eight are seen, and
/// fewer where their numbers meet in a seat: then the last who came is, until one of them leaves. Only a semaphore that
/// was made with a single permit takes part in the search for cycles: with more, one holder that is stuck does not yet
/// mean that nobody gives back.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), plimsoll_task::lock::Closed> {
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
    /// A semaphore of that name with so many permits.
    ///
    /// # Panics
    /// With more than [`tokio::sync::Semaphore::MAX_PERMITS`].
    pub fn new(name: &'static str, permits: usize) -> Self {
        Self {
            core: Core::new(name, LockKind::Semaphore, permits == 1),
            inner: Arc::new(sync::Semaphore::new(permits)),
        }
    }

    /// To hold a permit for longer is a finding. Default 1 s; a semaphore that bounds long work wants more.
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
    /// Dropped while waiting, the place in line is lost and nothing else.
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Result<Permit<'_>, Closed>> {
        self.acquire_at(1, Location::caller())
    }

    /// Waits for so many permits at once.
    ///
    /// # Errors
    /// The semaphore was closed.
    ///
    /// # Cancel safety
    /// Dropped while waiting, the place in line is lost and nothing else.
    #[track_caller]
    pub fn acquire_many(&self, permits: u32) -> impl Future<Output = Result<Permit<'_>, Closed>> {
        self.acquire_at(permits, Location::caller())
    }

    async fn acquire_at(&self, permits: u32, place: Place) -> Result<Permit<'_>, Closed> {
        let taken = proceed(|| self.inner.try_acquire_many(permits).ok()).await;
        let owner = Owner::current();
        let (inner, since) = if let Some(inner) = taken {
            (inner, None)
        } else {
            let (inner, since) = self.core.wait(owner, place, self.inner.acquire_many(permits)).await;
            (inner.map_err(|_| Closed)?, since)
        };
        let tenure = self.core.begin(owner, Share::Shared, place, since);
        Ok(Permit { inner, core: &self.core, tenure })
    }

    /// Takes so many permits, if they are there.
    ///
    /// # Errors
    /// They are not, or the semaphore was closed.
    #[track_caller]
    pub fn try_acquire_many(&self, permits: u32) -> Result<Permit<'_>, TryAcquireError> {
        let inner = self.inner.try_acquire_many(permits)?;
        let tenure = self.core.begin(Owner::current(), Share::Shared, Location::caller(), None);
        Ok(Permit { inner, core: &self.core, tenure })
    }

    /// Takes a permit, if there is one.
    ///
    /// # Errors
    /// There is none, or the semaphore was closed.
    #[track_caller]
    pub fn try_acquire(&self) -> Result<Permit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Like [`acquire`](Self::acquire), with a permit that may go with a task of its own. It still counts as held by
    /// the task that took it.
    ///
    /// # Errors
    /// The semaphore was closed.
    ///
    /// # Cancel safety
    /// Dropped while waiting, the place in line is lost and nothing else.
    #[track_caller]
    pub fn acquire_owned(&self) -> impl Future<Output = Result<OwnedPermit, Closed>> + use<> {
        let (place, core, semaphore) = (Location::caller(), Arc::clone(&self.core), Arc::clone(&self.inner));
        async move {
            let taken = proceed(|| Arc::clone(&semaphore).try_acquire_owned().ok()).await;
            let owner = Owner::current();
            let (inner, since) = if let Some(inner) = taken {
                (inner, None)
            } else {
                let (inner, since) = core.wait(owner, place, semaphore.acquire_owned()).await;
                (inner.map_err(|_| Closed)?, since)
            };
            let tenure = core.begin(owner, Share::Shared, place, since);
            Ok(OwnedPermit { inner, core, tenure })
        }
    }

    /// Permits that nobody has.
    pub fn available_permits(&self) -> usize {
        self.inner.available_permits()
    }

    /// Makes more of them. Such a semaphore no longer takes part in the search for cycles.
    ///
    /// # Panics
    /// Past [`tokio::sync::Semaphore::MAX_PERMITS`].
    pub fn add_permits(&self, more: usize) {
        self.core.several_may_hold();
        self.inner.add_permits(more);
    }

    /// From now on nobody gets a permit, and those who wait are told so.
    pub fn close(&self) {
        self.inner.close();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// What is known of it. Allocates.
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
#[must_use = "a permit that is not kept is given back at once"]
#[derive(Debug)]
pub struct Permit<'a> {
    inner: sync::SemaphorePermit<'a>,
    core: &'a Core,
    tenure: Tenure,
}

impl Permit<'_> {
    /// How many.
    pub fn permits(&self) -> usize {
        self.inner.num_permits()
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.core.end(&self.tenure);
    }
}

/// A permit of a [`Semaphore`] that borrows nothing, given back when this is dropped.
#[must_use = "a permit that is not kept is given back at once"]
#[derive(Debug)]
pub struct OwnedPermit {
    #[expect(dead_code, reason = "gives the permit back when it is dropped")]
    inner: sync::OwnedSemaphorePermit,
    core: Arc<Core>,
    tenure: Tenure,
}

impl Drop for OwnedPermit {
    #[inline]
    fn drop(&mut self) {
        self.core.end(&self.tenure);
    }
}
