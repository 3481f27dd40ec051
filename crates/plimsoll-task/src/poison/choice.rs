//! The choice for a poisoned lock, and its statistics.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// The error that a panic unwound through a guard of the lock, and the value has not been repaired since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lock {lock:?} is poisoned: a panic may have left what it guards half changed")]
#[non_exhaustive]
pub struct PoisonedError {
    /// The name of the lock.
    pub lock: &'static str,
}

/// The statistics of a lock: how often it was found poisoned, by reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PoisonStats {
    /// The number of times that the value was used as it was: once for each panic.
    pub recovered: u64,
    /// The number of times that the value was rebuilt or repaired: once for each panic.
    pub rebuilt: u64,
    /// Calls that were refused.
    pub failed: u64,
}

pub(super) enum Choice<T: ?Sized> {
    Recover,
    Rebuild(Box<dyn Fn(&mut T) + Send + Sync>),
    Fail,
}

impl<T: ?Sized> fmt::Debug for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recover => "Recover",
            Self::Rebuild(_) => "Rebuild",
            Self::Fail => "Fail",
        })
    }
}

#[derive(Debug)]
pub(super) struct Policy<T: ?Sized> {
    pub(super) name: &'static str,
    choice: Choice<T>,
    recovered: AtomicU64,
    rebuilt: AtomicU64,
    failed: AtomicU64,
}

impl<T: ?Sized> Policy<T> {
    pub(super) fn new(name: &'static str, choice: Choice<T>) -> Self {
        let zero = || AtomicU64::new(0);
        Self { name, choice, recovered: zero(), rebuilt: zero(), failed: zero() }
    }

    pub(super) fn fails(&self) -> bool {
        matches!(self.choice, Choice::Fail)
    }

    /// Refuses a call.
    pub(super) fn refuse(&self) -> PoisonedError {
        self.failed.fetch_add(1, Relaxed);
        PoisonedError { lock: self.name }
    }

    /// Repairs the value, under the lock. A panic of the closure poisons the lock again.
    pub(super) fn mend(&self, value: &mut T) {
        match &self.choice {
            Choice::Rebuild(rebuild) => {
                rebuild(value);
                self.rebuilt.fetch_add(1, Relaxed);
                tracing::warn!(lock = self.name, "rebuilt after a panic");
            }
            Choice::Recover | Choice::Fail => {
                self.recovered.fetch_add(1, Relaxed);
                tracing::warn!(lock = self.name, "taken as a panic left it");
            }
        }
    }

    /// A call for [`Choice::Fail`]: the caller has mended it.
    pub(super) fn mended(&self) {
        self.rebuilt.fetch_add(1, Relaxed);
    }

    pub(super) fn stats(&self) -> PoisonStats {
        PoisonStats {
            recovered: self.recovered.load(Relaxed),
            rebuilt: self.rebuilt.load(Relaxed),
            failed: self.failed.load(Relaxed),
        }
    }
}
