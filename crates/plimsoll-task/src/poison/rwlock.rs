//! Std's read-write lock with a choice.

use super::{
    PoisonStats, Poisoned,
    choice::{Choice, Policy},
};
use std::{
    fmt,
    sync::{self, PoisonError, RwLockReadGuard, RwLockWriteGuard},
};

/// [`std::sync::RwLock`] that knows what to do when it is poisoned. Only a panic of a writer poisons it. See the
/// [module](super).
pub struct RwLock<T: ?Sized> {
    policy: Policy<T>,
    inner: sync::RwLock<T>,
}

impl<T> RwLock<T> {
    /// Poisoned, it is taken as it is.
    pub fn recovering(name: &'static str, value: T) -> Self {
        Self::with(name, Choice::Recover, value)
    }

    /// Poisoned, `rebuild` mends or replaces the value, alone with it, before the next one gets it. A panic of
    /// `rebuild` goes to that one, and leaves the lock poisoned.
    pub fn rebuilding(
        name: &'static str,
        value: T,
        rebuild: impl Fn(&mut T) + Send + Sync + 'static,
    ) -> Self {
        Self::with(name, Choice::Rebuild(Box::new(rebuild)), value)
    }

    /// Poisoned, it refuses everybody until it is [mended](Self::mend).
    pub fn failing(name: &'static str, value: T) -> Self {
        Self::with(name, Choice::Fail, value)
    }

    fn with(name: &'static str, choice: Choice<T>, value: T) -> Self {
        Self { policy: Policy::new(name, choice), inner: sync::RwLock::new(value) }
    }

    /// The value, poisoned or not: there is no other who could see it.
    pub fn into_inner(self) -> T {
        self.inner.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Blocks the thread until nobody writes, and takes it to read.
    ///
    /// # Errors
    /// It is poisoned, and was made to [fail](Self::failing).
    ///
    /// # Panics
    /// As [`std::sync::RwLock::read`], and with what rebuilding panics with.
    pub fn read(&self) -> Result<RwLockReadGuard<'_, T>, Poisoned> {
        loop {
            match self.inner.read() {
                Ok(guard) => return Ok(guard),
                Err(_) if self.policy.fails() => return Err(self.policy.refuse()),
                // Only who writes may mend: let go, come back to write, and then look again.
                Err(poisoned) => drop(poisoned),
            }
            drop(self.write()?);
        }
    }

    /// Blocks the thread until nobody reads or writes, and takes it to write.
    ///
    /// # Errors
    /// It is poisoned, and was made to [fail](Self::failing).
    ///
    /// # Panics
    /// As [`std::sync::RwLock::write`], and with what rebuilding panics with.
    pub fn write(&self) -> Result<RwLockWriteGuard<'_, T>, Poisoned> {
        match self.inner.write() {
            Ok(guard) => Ok(guard),
            Err(_) if self.policy.fails() => Err(self.policy.refuse()),
            Err(poisoned) => {
                let mut guard = poisoned.into_inner();
                self.policy.mend(&mut guard);
                self.inner.clear_poison();
                Ok(guard)
            }
        }
    }

    /// Lets `mend` put the value in order, and the lock be taken again. Answers `false`, and does nothing, where it is
    /// not poisoned.
    ///
    /// # Panics
    /// With what `mend` panics with; then the lock stays poisoned.
    pub fn mend(&self, mend: impl FnOnce(&mut T)) -> bool {
        let Err(poisoned) = self.inner.write() else { return false };
        let mut guard = poisoned.into_inner();
        mend(&mut guard);
        self.inner.clear_poison();
        self.policy.mended();
        true
    }

    /// Whether a panic went through it, and nobody has come since.
    pub fn is_poisoned(&self) -> bool {
        self.inner.is_poisoned()
    }

    /// How often it was found poisoned.
    pub fn stats(&self) -> PoisonStats {
        self.policy.stats()
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, poisoned) = (self.policy.name, self.is_poisoned());
        f.debug_struct("RwLock").field("name", &name).field("poisoned", &poisoned).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        thread,
    };

    fn poison<T>(lock: &RwLock<T>, change: impl FnOnce(&mut T)) {
        let panics = catch_unwind(AssertUnwindSafe(|| {
            let mut guard = lock.write().unwrap();
            change(&mut guard);
            panic!("half-way");
        }));
        assert!(panics.is_err() && lock.is_poisoned());
    }

    #[test]
    fn of_many_who_read_one_mends() {
        let lock = RwLock::rebuilding("prices", 1, |value: &mut i32| *value += 10);
        poison(&lock, |value| *value = 2);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(*lock.read().unwrap(), 12));
            }
        });
        assert_eq!(lock.stats(), PoisonStats { rebuilt: 1, ..PoisonStats::default() });
    }

    #[test]
    fn recovering_reads_what_is_there() {
        let lock = RwLock::recovering("seen", 1);
        poison(&lock, |value| *value = 2);
        assert_eq!(*lock.read().unwrap(), 2);
        assert_eq!(*lock.write().unwrap(), 2);
        assert_eq!((lock.stats().recovered, lock.into_inner()), (1, 2));
    }

    #[test]
    fn failing_refuses_until_it_is_mended() {
        let lock = RwLock::failing("leases", 1);
        assert!(!lock.mend(|_| unreachable!("it is not poisoned")));
        poison(&lock, |value| *value = 2);
        let refused = Poisoned { lock: "leases" };
        assert_eq!((lock.read().unwrap_err(), lock.write().unwrap_err()), (refused, refused));
        assert!(lock.mend(|value| *value = 1));
        assert_eq!((*lock.read().unwrap(), lock.stats().failed), (1, 2));
    }
}
