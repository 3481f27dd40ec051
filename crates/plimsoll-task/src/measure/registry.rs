//! A bounded registry of all live instances of a kind, by weak references.

use parking_lot::{Mutex, MutexGuard};
use std::sync::{Arc, Weak};

/// See the [module](self). Instances beyond the bound are measured, but not listed.
#[derive(Debug)]
pub(crate) struct Registry<T> {
    entries: Mutex<Vec<Weak<T>>>,
    most: usize,
}

impl<T> Registry<T> {
    pub(crate) const fn new(most: usize) -> Self {
        Self { entries: Mutex::new(Vec::new()), most }
    }

    /// Adds an instance, and returns whether there was room. Amortised constant: dead entries are removed before the list
    /// grows.
    pub(crate) fn add(&self, entry: &Arc<T>) -> bool {
        let mut entries = self.entries();
        if entries.len() == entries.capacity() || entries.len() >= self.most {
            entries.retain(|entry| entry.strong_count() > 0);
        }
        let fits = entries.len() < self.most;
        if fits {
            entries.push(Arc::downgrade(entry));
        }
        fits
    }

    /// Returns all live instances.
    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        self.entries().iter().filter_map(Weak::upgrade).collect()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Weak<T>>> {
        self.entries.lock()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_dead_make_room_and_the_living_do_not() {
        let registry = Registry::new(2);
        let first = Arc::new(1);
        assert!(registry.add(&first));
        assert!(registry.add(&Arc::new(2)));
        let third = Arc::new(3);
        assert!(registry.add(&third));
        assert!(!registry.add(&Arc::new(4)));
        assert_eq!(registry.all(), [first, third]);
    }
}
