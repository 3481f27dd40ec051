use super::error::{Error, Failures};
use crate::sync::{Mutex, lock};

/// What went wrong so far.
#[derive(Debug)]
pub(super) struct Tally<E> {
    /// Whether one error is the end of the scope.
    pub(super) first_ends: bool,
    keep: usize,
    failures: Mutex<Failures<E>>,
}

impl<E> Tally<E> {
    pub(super) fn new(first_ends: bool, keep: usize) -> Self {
        let failures = Failures { errors: Vec::new(), omitted: 0 };
        Self { first_ends, keep: keep.max(1), failures: Mutex::new(failures) }
    }

    pub(super) fn add(&self, error: Error<E>) {
        let mut failures = lock(&self.failures);
        if failures.errors.len() < self.keep {
            failures.errors.push(error);
        } else {
            failures.omitted += 1;
            // Its `Drop` may be anybody's code.
            drop(failures);
            drop(error);
        }
    }

    pub(super) fn take(&self) -> Failures<E> {
        let mut failures = lock(&self.failures);
        Failures { errors: std::mem::take(&mut failures.errors), omitted: failures.omitted }
    }
}
