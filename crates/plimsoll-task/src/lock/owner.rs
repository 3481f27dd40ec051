//! Owners of holds and waits: tasks and threads.

use std::{
    cell::Cell,
    fmt,
    hash::{Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// A task; or, where code runs in `block_on` and so in no task, its thread.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(u64);

/// Set in the number of a thread.
const THREAD: u64 = 1 << 63;

impl Owner {
    /// The number that stands for no owner.
    pub(super) const NOBODY: u64 = 0;

    /// Returns the owner that runs this code. Under a runtime this reads one thread-local.
    #[inline]
    pub fn current() -> Self {
        match tokio::task::try_id() {
            Some(id) => Self(number(id)),
            None => Self(thread() | THREAD),
        }
    }

    #[inline]
    pub(super) fn number(self) -> u64 {
        self.0
    }

    pub(super) fn from_number(number: u64) -> Option<Self> {
        (number != Self::NOBODY).then_some(Self(number))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 & THREAD {
            0 => write!(f, "task {}", self.0),
            _ => write!(f, "thread {}", self.0 ^ THREAD),
        }
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A task's number. Tokio shows it to a hasher and to `Display` alone, and only the first is fast.
#[inline]
fn number(id: tokio::task::Id) -> u64 {
    struct Number(u64);
    impl Hasher for Number {
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
            }
        }
        #[inline]
        fn write_u64(&mut self, number: u64) {
            self.0 = number;
        }
        #[inline]
        fn finish(&self) -> u64 {
            self.0
        }
    }
    let mut number = Number(0);
    id.hash(&mut number);
    number.finish() & !THREAD
}

#[cold]
fn thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local!(static MINE: Cell<u64> = const { Cell::new(0) });
    MINE.try_with(|mine| {
        if mine.get() == 0 {
            mine.set(NEXT.fetch_add(1, Relaxed));
        }
        mine.get()
    })
    // A thread that is being torn down is like no other.
    .unwrap_or_else(|_| NEXT.fetch_add(1, Relaxed))
}

/// A location in the source, as one word that can be stored (release) and read (acquire) at the same time.
#[cfg(not(loom))]
pub(super) type LocationCell = crossbeam_utils::atomic::AtomicCell<Option<super::SourceLocation>>;

#[cfg(loom)]
pub(super) use modelled::LocationCell;

/// The same for loom, which sees only atomics of its own: a number for each location.
#[cfg(loom)]
mod modelled {
    use crate::lock::SourceLocation;
    use loom::sync::atomic::{
        AtomicUsize,
        Ordering::{Acquire, Release},
    };
    use parking_lot::Mutex;

    static LOCATIONS: Mutex<Vec<SourceLocation>> = Mutex::new(Vec::new());

    #[derive(Debug)]
    pub(in crate::lock) struct LocationCell(AtomicUsize);

    impl LocationCell {
        pub(in crate::lock) fn new(location: Option<SourceLocation>) -> Self {
            Self(AtomicUsize::new(number(location)))
        }

        pub(in crate::lock) fn store(&self, location: Option<SourceLocation>) {
            self.0.store(number(location), Release);
        }

        pub(in crate::lock) fn load(&self) -> Option<SourceLocation> {
            let at = self.0.load(Acquire).checked_sub(1)?;
            Some(LOCATIONS.lock()[at])
        }
    }

    fn number(location: Option<SourceLocation>) -> usize {
        let Some(location) = location else { return 0 };
        let mut locations = LOCATIONS.lock();
        let at = locations.iter().position(|known| *known == location);
        1 + at.unwrap_or_else(|| {
            locations.push(location);
            locations.len() - 1
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_stored_without_a_lock() {
        assert!(LocationCell::is_lock_free());
    }

    #[tokio::test]
    async fn a_task_is_itself_and_nobody_else() {
        let twice = || async { (Owner::current(), Owner::current(), tokio::task::id().to_string()) };
        let (one, again, id) = tokio::spawn(twice()).await.unwrap();
        let (other, ..) = tokio::spawn(twice()).await.unwrap();
        assert_eq!(one, again);
        assert_ne!(one, other);
        assert_eq!(one.to_string(), format!("task {id}"));
    }

    #[test]
    fn outside_of_tasks_the_owner_is_the_thread() {
        let mine = Owner::current();
        assert_eq!(mine, Owner::current());
        assert!(mine.to_string().starts_with("thread "));
        assert_ne!(mine, std::thread::spawn(Owner::current).join().unwrap());
    }
}
