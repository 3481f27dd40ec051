//! The part that mutex and read-write lock share: constructors, repair, statistics.

use super::{
    PoisonStats,
    choice::{Choice, Policy},
};
use std::{
    fmt,
    ops::DerefMut,
    sync::{LockResult, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard},
};

/// One of std's locks, by its exclusive guard. Sealed: there is no path to it.
pub trait StdLock<T: ?Sized> {
    /// The exclusive guard.
    type Guard<'a>: DerefMut<Target = T>
    where
        Self: 'a;

    /// The lock's name, for `Debug`.
    const NAME: &'static str;

    /// Takes the lock exclusively.
    fn exclusive(&self) -> LockResult<Self::Guard<'_>>;

    /// Returns whether the lock is poisoned.
    fn is_poisoned(&self) -> bool;

    /// Removes the poison.
    fn clear_poison(&self);
}

impl<T: ?Sized> StdLock<T> for Mutex<T> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        Self: 'a;
    const NAME: &'static str = "Mutex";

    fn exclusive(&self) -> LockResult<MutexGuard<'_, T>> {
        self.lock()
    }

    fn is_poisoned(&self) -> bool {
        self.is_poisoned()
    }

    fn clear_poison(&self) {
        self.clear_poison();
    }
}

impl<T: ?Sized> StdLock<T> for RwLock<T> {
    type Guard<'a>
        = RwLockWriteGuard<'a, T>
    where
        Self: 'a;
    const NAME: &'static str = "RwLock";

    fn exclusive(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.write()
    }

    fn is_poisoned(&self) -> bool {
        self.is_poisoned()
    }

    fn clear_poison(&self) {
        self.clear_poison();
    }
}

/// One of std's locks with a choice for the case that it is poisoned. See the [module](super).
pub struct Lock<T: ?Sized, L: ?Sized> {
    pub(super) policy: Policy<T>,
    pub(super) inner: L,
}

impl<T, L: From<T>> Lock<T, L> {
    /// A lock whose value is used as it is after a panic.
    pub fn recovering(name: &'static str, value: T) -> Self {
        Self::with(name, Choice::Recover, value)
    }

    /// A lock whose value `rebuild` repairs or replaces after a panic, exclusively, before the next holder sees it. A
    /// panic of `rebuild` goes to that holder, and leaves the lock poisoned.
    pub fn rebuilding(
        name: &'static str,
        value: T,
        rebuild: impl Fn(&mut T) + Send + Sync + 'static,
    ) -> Self {
        Self::with(name, Choice::Rebuild(Box::new(rebuild)), value)
    }

    /// A lock that refuses every holder after a panic until it is [mended](Self::mend).
    pub fn failing(name: &'static str, value: T) -> Self {
        Self::with(name, Choice::Fail, value)
    }

    fn with(name: &'static str, choice: Choice<T>, value: T) -> Self {
        Self { policy: Policy::new(name, choice), inner: L::from(value) }
    }
}

impl<T: ?Sized, L: StdLock<T> + ?Sized> Lock<T, L> {
    /// Lets `mend` repair the value of a poisoned lock, which can then be taken again. Returns `false`, and does
    /// nothing, if it is not poisoned.
    ///
    /// # Panics
    /// If `mend` panics; the lock stays poisoned then.
    pub fn mend(&self, mend: impl FnOnce(&mut T)) -> bool {
        let Err(poisoned) = self.inner.exclusive() else { return false };
        let mut guard = poisoned.into_inner();
        mend(&mut guard);
        self.inner.clear_poison();
        self.policy.mended();
        true
    }

    /// Returns whether a panic has poisoned the lock, and no holder has come since.
    pub fn is_poisoned(&self) -> bool {
        self.inner.is_poisoned()
    }

    /// Returns the numbers of times it was found poisoned.
    pub fn stats(&self) -> PoisonStats {
        self.policy.stats()
    }

    /// Handles the poison of an exclusive guard by the lock's choice.
    pub(super) fn recover<'a>(
        &'a self,
        poisoned: PoisonError<L::Guard<'a>>,
    ) -> Result<L::Guard<'a>, super::PoisonedError> {
        if self.policy.fails() {
            return Err(self.policy.refuse());
        }
        let mut guard = poisoned.into_inner();
        self.policy.mend(&mut guard);
        // Under the guard, so that of all waiters only one repairs.
        self.inner.clear_poison();
        Ok(guard)
    }
}

impl<T: ?Sized, L: StdLock<T> + ?Sized> fmt::Debug for Lock<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, poisoned) = (self.policy.name, self.is_poisoned());
        f.debug_struct(L::NAME).field("name", &name).field("poisoned", &poisoned).finish_non_exhaustive()
    }
}
