//! Mutexes with a chosen reaction to poisoning.
//!
//! Std's locks are poisoned when a panic unwinds through a guard: what they guard may be half changed. The usual
//! `.lock().unwrap()` then spreads one panic to every thread that takes the lock;
//! `.unwrap_or_else(PoisonError::into_inner)` never checks whether that is correct. Here each lock has a reaction,
//! chosen when it is made, and counts how often it was needed:
//!
//! | choice | when | what happens |
//! | --- | --- | --- |
//! | [`Mutex::recovering`] | no half-done change is possible, or none matters: counters, caches of whole values | taken as it is |
//! | [`Mutex::rebuilding`] | the value can be made anew, or repaired | the closure repairs it before any caller sees it |
//! | [`Mutex::failing`] | a wrong value is worse than none: money, leases | [`PoisonedError`], until [`Mutex::mend`] |
//!
//! ```
//! use plimsoll_task::poison::Mutex;
//!
//! let cache = Mutex::rebuilding("prices", vec![1], |prices: &mut Vec<u32>| prices.clear());
//! let panics = std::thread::scope(|scope| {
//!     scope.spawn(|| { let _guard = cache.lock(); panic!("half-way") }).join()
//! });
//! assert!(panics.is_err());
//! assert!(cache.lock()?.is_empty());
//! assert_eq!(cache.stats().rebuilt, 1);
//! # Ok::<(), plimsoll_task::poison::PoisonedError>(())
//! ```
//!
//! These block the thread, as std's do: for short work without an await. Tokio's locks, and so those of
//! [`lock`](crate::lock), are never poisoned.

mod choice;
mod lock;
mod mutex;
mod rwlock;

pub use choice::{PoisonStats, PoisonedError};
pub use lock::Lock;
pub use mutex::Mutex;
pub use rwlock::RwLock;
