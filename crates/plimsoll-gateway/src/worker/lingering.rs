//! Idle connections that keep the state of busy ones for a moment, because their next request is likely to come soon.
//!
//! That state is some kilobytes large. So only so many keep it: a crowd that falls idle, or that asks once a minute each,
//! gives it back at once, and the worker's heap never holds one for each of its connections.

use std::cell::Cell;

/// The most of a worker: less than 1 MiB.
const MOST: usize = 128;

/// The connections of a worker that linger.
#[derive(Debug, Default)]
pub(super) struct Lingering(Cell<usize>);

/// The permission to linger, until it is dropped.
#[derive(Debug)]
pub(super) struct LingerPermit<'a>(&'a Cell<usize>);

impl Lingering {
    /// Returns a permission, unless there are too many.
    pub(super) fn enter(&self) -> Option<LingerPermit<'_>> {
        if self.0.get() == MOST {
            return None;
        }
        self.0.set(self.0.get() + 1);
        Some(LingerPermit(&self.0))
    }
}

impl Drop for LingerPermit<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_linger_and_another_once_one_is_gone() {
        let lingering = Lingering::default();
        let mut permits: Vec<_> = (0..MOST).map_while(|_| lingering.enter()).collect();
        assert!(permits.len() == MOST && lingering.enter().is_none());
        permits.pop();
        assert!(lingering.enter().is_some());
        drop(permits);
        assert_eq!(lingering.0.get(), 0);
    }
}
