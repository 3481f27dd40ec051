//! Std's read-write lock with a choice.

use super::{PoisonedError, lock::Lock};
use std::sync::{self, PoisonError, RwLockReadGuard, RwLockWriteGuard};

/// A [`std::sync::RwLock`] with a choice for the case that it is poisoned. Only a panic of a writer poisons it. See the
/// [module](super).
pub type RwLock<T> = Lock<T, sync::RwLock<T>>;

impl<T> RwLock<T> {
    /// Returns the value, poisoned or not.
    pub fn into_inner(self) -> T {
        self.inner.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Blocks the thread until there is no writer, and takes the lock for reading.
    ///
    /// # Errors
    /// The lock is poisoned, and was made to [fail](Self::failing).
    ///
    /// # Panics
    /// As [`std::sync::RwLock::read`], and if rebuilding panics.
    pub fn read(&self) -> Result<RwLockReadGuard<'_, T>, PoisonedError> {
        loop {
            match self.inner.read() {
                Ok(guard) => return Ok(guard),
                Err(_) if self.policy.fails() => return Err(self.policy.refuse()),
                // Only a writer may repair: release, write, and read again.
                Err(poisoned) => drop(poisoned),
            }
            drop(self.write()?);
        }
    }

    /// Blocks the thread until there is no holder, and takes the lock for writing.
    ///
    /// # Errors
    /// The lock is poisoned, and was made to [fail](Self::failing).
    ///
    /// # Panics
    /// As [`std::sync::RwLock::write`], and if rebuilding panics.
    pub fn write(&self) -> Result<RwLockWriteGuard<'_, T>, PoisonedError> {
        self.inner.write().or_else(|poisoned| self.recover(poisoned))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{super::PoisonStats, *};
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
        let refused = PoisonedError { lock: "leases" };
        assert_eq!((lock.read().unwrap_err(), lock.write().unwrap_err()), (refused, refused));
        assert!(lock.mend(|value| *value = 1));
        assert_eq!((*lock.read().unwrap(), lock.stats().failed), (1, 2));
    }
}
