//! Std's mutex with a choice.

use super::{PoisonedError, lock::Lock};
use std::sync::{self, MutexGuard, PoisonError, TryLockError};

/// A [`std::sync::Mutex`] with a choice for the case that it is poisoned. See the [module](super).
pub type Mutex<T> = Lock<T, sync::Mutex<T>>;

impl<T> Mutex<T> {
    /// Returns the value, poisoned or not.
    pub fn into_inner(self) -> T {
        self.inner.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Blocks the thread until the mutex is free, and takes it.
    ///
    /// # Errors
    /// The mutex is poisoned, and was made to [fail](Self::failing).
    ///
    /// # Panics
    /// As [`std::sync::Mutex::lock`], if the thread holds it already; and if rebuilding panics.
    pub fn lock(&self) -> Result<MutexGuard<'_, T>, PoisonedError> {
        self.inner.lock().or_else(|poisoned| self.recover(poisoned))
    }

    /// Takes the mutex if it is free; `None` if it is not.
    ///
    /// # Errors
    /// As [`lock`](Self::lock).
    pub fn try_lock(&self) -> Result<Option<MutexGuard<'_, T>>, PoisonedError> {
        match self.inner.try_lock() {
            Ok(guard) => Ok(Some(guard)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Poisoned(poisoned)) => self.recover(poisoned).map(Some),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{super::PoisonStats, *};
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
        assert_eq!(mutex.lock().unwrap_err(), PoisonedError { lock: "ledger" });
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
