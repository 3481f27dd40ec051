//! Why there is no result.

use crate::panic::PanicError;

/// Why work was not done, or has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// All threads are busy and the queue is full: not begun.
    #[error("the pool {pool:?} is full: {queued} wait already")]
    Full {
        /// The pool's name.
        pool: &'static str,
        /// How much work waits in it.
        queued: usize,
    },
    /// The deadline passed before its turn came: not begun.
    #[error("the deadline passed before the work was begun")]
    Late,
    /// The pool is closed: not begun.
    #[error("the pool is closed")]
    Closed,
    /// The system gave no thread, and the pool has none: not begun.
    #[error("no thread could be started")]
    NoThread,
    /// The work panicked.
    #[error(transparent)]
    Panicked(#[from] PanicError),
}

impl PoolError {
    /// Returns whether the work was not begun, so that it is safe to hand it in again.
    pub fn was_not_begun(&self) -> bool {
        !matches!(self, Self::Panicked(_))
    }
}
