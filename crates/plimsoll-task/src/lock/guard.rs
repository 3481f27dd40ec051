//! The guard and the acquisition that mutex, read-write lock and semaphore share.

use super::{
    Owner, SourceLocation,
    core::{Core, HoldRecord},
    proceed,
};
use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};
use tokio::time::Instant;

/// A lock held: tokio's guard `G` with the record of the hold, which ends when this is dropped.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct Guard<'a, G> {
    pub(super) inner: G,
    pub(super) core: &'a Core,
    pub(super) record: HoldRecord,
}

impl<G> Drop for Guard<'_, G> {
    #[inline]
    fn drop(&mut self) {
        self.core.end(&self.record);
    }
}

impl<G: Deref> Deref for Guard<'_, G> {
    type Target = G::Target;

    #[inline]
    fn deref(&self) -> &G::Target {
        &self.inner
    }
}

impl<G: DerefMut> DerefMut for Guard<'_, G> {
    #[inline]
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.inner
    }
}

impl<G: fmt::Debug> fmt::Debug for Guard<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Core {
    /// Takes a lock by `try_now` if it is free, else by waiting for `wait`. The instant is the end of the wait.
    pub(super) async fn acquire<R, W: Future<Output = R>>(
        self: &Arc<Self>,
        location: SourceLocation,
        try_now: impl FnMut() -> Option<R>,
        wait: impl FnOnce() -> W,
    ) -> (R, Owner, Option<Instant>) {
        let taken = proceed(try_now).await;
        let owner = Owner::current();
        if let Some(output) = taken {
            return (output, owner, None);
        }
        let (output, since) = self.wait(owner, location, wait()).await;
        (output, owner, since)
    }
}
