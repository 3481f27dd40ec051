//! Boxes that are used again.

use std::{
    cell::RefCell,
    fmt,
    ops::{Deref, DerefMut},
    thread::LocalKey,
};

/// Boxes that wait on one thread for their next value. Beyond, they are freed.
const MOST: usize = 64;

/// The boxes that wait on this thread.
pub(super) type Spare<T> = RefCell<Vec<Box<Option<T>>>>;

/// A type of which each thread keeps boxes.
pub(super) trait Pooled: Sized + 'static {
    /// Returns the place where they wait.
    fn spare() -> &'static LocalKey<Spare<Self>>;
}

/// A value in a box that is used again by the thread that drops it: what is moved is one pointer, and seldom is there an
/// allocation.
pub(super) struct Reused<T: Pooled>(
    /// `None` once it is dropped.
    Option<Box<Option<T>>>,
);

impl<T: Pooled> Reused<T> {
    #[inline]
    pub(super) fn new(value: T) -> Self {
        let spare = T::spare().try_with(|spare| spare.borrow_mut().pop());
        let mut room = spare.ok().flatten().unwrap_or_default();
        *room = Some(value);
        Self(Some(room))
    }
}

/// Never seen: the box goes with its owner, and the value with the box.
const GONE: &str = "a value that is dropped";

impl<T: Pooled> Deref for Reused<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_deref().and_then(Option::as_ref).expect(GONE)
    }
}

impl<T: Pooled> DerefMut for Reused<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_deref_mut().and_then(Option::as_mut).expect(GONE)
    }
}

impl<T: Pooled> Drop for Reused<T> {
    #[inline]
    fn drop(&mut self) {
        let Some(mut room) = self.0.take() else { return };
        // Before it waits: the value's own drop may make another.
        *room = None;
        // A thread that ends keeps none.
        let _ = T::spare().try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < MOST {
                spare.push(room);
            }
        });
    }
}

impl<T: Pooled + fmt::Debug> fmt::Debug for Reused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{ptr, rc::Rc};

    /// A value that may hold another, and tells that it is alive.
    #[derive(Debug)]
    struct Value(Option<Reused<Value>>, Rc<()>);

    thread_local! {
        static SPARE: Spare<Value> = const { RefCell::new(Vec::new()) };
    }

    impl Pooled for Value {
        fn spare() -> &'static LocalKey<Spare<Self>> {
            &SPARE
        }
    }

    #[test]
    fn the_next_value_has_the_box_of_the_last() {
        let alive = Rc::new(());
        let first = Reused::new(Value(None, Rc::clone(&alive)));
        let place = ptr::from_ref(&*first);
        drop(first);
        assert_eq!(Rc::strong_count(&alive), 1, "the value does not wait");
        assert!(ptr::eq(place, &*Reused::new(Value(None, alive))));
    }

    #[test]
    fn one_within_another_goes_with_it_and_no_more_wait_than_may() {
        let alive = Rc::new(());
        let chain = (0..2 * MOST).fold(None, |inner, _| Some(Reused::new(Value(inner, Rc::clone(&alive)))));
        assert_eq!(Rc::strong_count(&alive), 1 + 2 * MOST);
        drop(chain);
        assert_eq!(Rc::strong_count(&alive), 1);
        assert_eq!(SPARE.with_borrow(Vec::len), MOST);
    }
}
