//! Std's mutex with a choice.

use super::{
    PoisonStats, Poisoned,
    choice::{Choice, Policy},
};
use std::{
    fmt,
    sync::{self, MutexGuard, PoisonError, TryLockError},
};

/// [`std::sync::Mutex`] that knows what to do when it is poisoned. See the [module](super).
pub struct Mutex<T: ?Sized> {
    policy: Policy<T>,
    inner: sync::Mutex<T>,
}

impl<T> Mutex<T> {
    /// Poisoned, it is taken as it is.
    pub fn recovering(name: &'static str, value: T) -> Self {
        Self::with(name, Choice::Recover, value)
    }

    /// Poisoned, `rebuild` mends or replaces the value under the lock, before the next one gets it. A panic of
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
        Self { policy: Policy::new(name, choice), inner: sync::Mutex::new(value) }
    }

    /// The value, poisoned or not: there is no other who could see it.
    pub fn into_inner(self) -> T {
        self.inner.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Blocks the thread until the lock is free, and takes it.
    ///
    /// # Errors
    /// It is poisoned, and was made to [fail](Self::failing).
    ///
    /// # Panics
    /// As [`std::sync::Mutex::lock`], where the thread has it already; and with what rebuilding panics with.
    pub fn lock(&self) -> Result<MutexGuard<'_, T>, Poisoned> {
        self.inner.lock().or_else(|poisoned| self.poisoned(poisoned.into_inner()))
    }

    /// Takes the lock if it is free; `None` where it is not.
    ///
    /// # Errors
    /// As [`lock`](Self::lock).
    pub fn try_lock(&self) -> Result<Option<MutexGuard<'_, T>>, Poisoned> {
        match self.inner.try_lock() {
            Ok(guard) => Ok(Some(guard)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Poisoned(poisoned)) => self.poisoned(poisoned.into_inner()).map(Some),
        }
    }

    fn poisoned<'a>(&'a self, mut guard: MutexGuard<'a, T>) -> Result<MutexGuard<'a, T>, Poisoned> {
        if self.policy.fails() {
            return Err(self.policy.refuse());
        }
        self.policy.mend(&mut guard);
        // Under the guard, so that of all who wait only one mends.
        self.inner.clear_poison();
        Ok(guard)
    }

    /// Lets `mend` put the value in order, and the lock be taken again. Answers `false`, and does nothing, where it is
    /// not poisoned.
    ///
    /// # Panics
    /// With what `mend` panics with; then the lock stays poisoned.
    pub fn mend(&self, mend: impl FnOnce(&mut T)) -> bool {
        let Err(poisoned) = self.inner.lock() else { return false };
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

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, poisoned) = (self.policy.name, self.is_poisoned());
        f.debug_struct("Mutex").field("name", &name).field("poisoned", &poisoned).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };

    fn poison<T>(mutex: &Mutex<T>, change: impl FnOnce(&mut T)) {
        let panics = catch_unwind(AssertUnwindSafe(|| {
            change(&mut mutex.lock().unwrap());
            let _guard = mutex.lock().unwrap();
            panic!("half-way");
        }));
        assert!(panics.is_err() && mutex.is_poisoned());
    }

    #[test]
    fn recovering_takes_it_as_it_is_and_counts_each_panic_once() {
        let mutex = Mutex::recovering("counter", 1);
        for _ in 0..2 {
            poison(&mutex, |value| *value += 1);
            assert!(mutex.lock().is_ok() && mutex.lock().is_ok());
        }
        assert_eq!(*mutex.lock().unwrap(), 3);
        assert_eq!(mutex.stats(), PoisonStats { recovered: 2, ..PoisonStats::default() });
        poison(&mutex, |_| ());
        assert_eq!(mutex.into_inner(), 3);
    }

    #[test]
    fn rebuilding_mends_before_anybody_sees_it() {
        let mutex = Mutex::rebuilding("list", vec![1, 2], |list: &mut Vec<_>| list.truncate(2));
        poison(&mutex, |list| list.push(3));
        assert_eq!(*mutex.try_lock().unwrap().unwrap(), [1, 2]);
        assert_eq!(mutex.stats(), PoisonStats { rebuilt: 1, ..PoisonStats::default() });
    }

    #[test]
    fn failing_refuses_until_it_is_mended() {
        let mutex = Mutex::failing("ledger", 10);
        assert!(!mutex.mend(|_| unreachable!("it is not poisoned")));
        poison(&mutex, |value| *value = -1);
        assert_eq!(mutex.lock().unwrap_err(), Poisoned { lock: "ledger" });
        assert!(mutex.try_lock().is_err());
        assert!(mutex.mend(|value| *value = 10));
        assert_eq!(*mutex.lock().unwrap(), 10);
        assert_eq!(mutex.stats(), PoisonStats { rebuilt: 1, failed: 2, recovered: 0 });
    }

    #[test]
    fn a_panic_while_rebuilding_leaves_it_poisoned() {
        let tries = AtomicU32::new(0);
        let tries: &'static AtomicU32 = Box::leak(Box::new(tries));
        let mutex = Mutex::rebuilding("twice", 0, move |value| {
            assert!(tries.fetch_add(1, Relaxed) > 0, "the first time goes wrong");
            *value = 7;
        });
        poison(&mutex, |_| ());
        assert!(catch_unwind(AssertUnwindSafe(|| drop(mutex.lock()))).is_err());
        assert!(mutex.is_poisoned());
        assert_eq!((*mutex.lock().unwrap(), mutex.stats().rebuilt), (7, 1));
    }

    #[test]
    fn a_lock_that_is_held_is_not_waited_for() {
        let mutex = Mutex::failing("held", ());
        let _guard = mutex.lock().unwrap();
        assert!(mutex.try_lock().unwrap().is_none());
    }
}
