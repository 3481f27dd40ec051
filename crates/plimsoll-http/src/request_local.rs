//! A value of the current request, in a cell of the thread while the request's code runs.
//!
//! Cheaper than a task-local of tokio: it is moved in and out at each poll, and nothing wraps the future.

use std::{cell::RefCell, mem, thread::LocalKey};

/// A cell of a thread for a value of the current request; `None` outside of any.
pub(crate) type Cell<T> = LocalKey<RefCell<Option<T>>>;

/// Calls `run`, during which `value` is in `cell`. It comes back with its changes, also when `run` panics; so does a value
/// of an outer request to the cell.
#[inline]
pub(crate) fn during<T: Default + 'static, R>(
    cell: &'static Cell<T>,
    value: &mut T,
    run: impl FnOnce() -> R,
) -> R {
    let outer = cell.replace(Some(mem::take(value)));
    let _restored = Restore { cell, value, outer };
    run()
}

struct Restore<'v, T: Default + 'static> {
    cell: &'static Cell<T>,
    value: &'v mut T,
    outer: Option<T>,
}

impl<T: Default> Drop for Restore<'_, T> {
    #[inline]
    fn drop(&mut self) {
        *self.value = self.cell.replace(self.outer.take()).unwrap_or_default();
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
        let (mut outer, mut inner) = (1, 2);
        during(&NUMBER, &mut outer, || {
            during(&NUMBER, &mut inner, || NUMBER.set(Some(3)));
            assert_eq!(now(), Some(1));
        });
        assert_eq!((outer, inner, now()), (1, 3, None));
    }

    #[test]
    fn a_panic_brings_it_back_too() {
        let mut value = 5;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            during(&NUMBER, &mut value, || panic!("in the request"));
        }));
        assert!(panicked.is_err());
        assert_eq!((value, now()), (5, None));
    }
}
