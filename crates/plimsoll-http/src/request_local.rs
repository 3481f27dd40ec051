//! A value of the current request, in a cell of the thread while the request's code runs.
//!
//! Cheaper than a task-local of tokio: it is moved in and out at each poll, and nothing wraps the future.

use std::{cell::RefCell, mem, thread::LocalKey};

/// A cell of a thread for a value of the current request; `None` outside of any.
pub(crate) type Cell<T> = LocalKey<RefCell<Option<T>>>;

/// Calls `run`, during which `value` is in `cell`. It comes back with its changes, also when `run` panics; so does a value
/// of an outer request to the cell.
#[inline]
pub(crate) fn during<T: 'static, R>(
    cell: &'static Cell<T>,
    value: &mut Option<T>,
    run: impl FnOnce() -> R,
) -> R {
    swap(cell, value);
    let _restored = Restore { cell, value };
    run()
}

/// Each is where the other was: the outer request's value waits where the inner one's belongs.
#[inline]
fn swap<T: 'static>(cell: &'static Cell<T>, value: &mut Option<T>) {
    cell.with_borrow_mut(|current| mem::swap(current, value));
}

struct Restore<'v, T: 'static> {
    cell: &'static Cell<T>,
    value: &'v mut Option<T>,
}

impl<T> Drop for Restore<'_, T> {
    #[inline]
    fn drop(&mut self) {
        swap(self.cell, self.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    thread_local! {
        static NUMBER: RefCell<Option<u32>> = const { RefCell::new(None) };
    }

    fn now() -> Option<u32> {
        NUMBER.with_borrow(|number| *number)
    }

    #[test]
    fn the_value_is_there_meanwhile_and_comes_back_changed() {
        let (mut outer, mut inner) = (Some(1), Some(2));
        during(&NUMBER, &mut outer, || {
            during(&NUMBER, &mut inner, || NUMBER.set(Some(3)));
            assert_eq!(now(), Some(1));
        });
        assert_eq!((outer, inner, now()), (Some(1), Some(3), None));
    }

    #[test]
    fn a_panic_brings_it_back_too() {
        let mut value = Some(5);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            during(&NUMBER, &mut value, || panic!("in the request"));
        }));
        assert!(panicked.is_err());
        assert_eq!((value, now()), (Some(5), None));
    }
}
