use super::error::{AggregateError, Error};
use crate::sync::{Mutex, lock};

/// The errors of a scope so far.
#[derive(Debug)]
pub(super) struct Tally<E> {
    /// Whether one error is the end of the scope.
    pub(super) first_ends: bool,
    keep: usize,
    failures: Mutex<AggregateError<E>>,
}

impl<E> Tally<E> {
    pub(super) fn new(first_ends: bool, keep: usize) -> Self {
        let failures = AggregateError { errors: Vec::new(), omitted: 0 };
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

    pub(super) fn take(&self) -> AggregateError<E> {
        let mut failures = lock(&self.failures);
        AggregateError { errors: std::mem::take(&mut failures.errors), omitted: failures.omitted }
    }
}
