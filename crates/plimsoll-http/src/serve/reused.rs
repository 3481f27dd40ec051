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
pub(super) type Spare<T> = RefCell<Vec<Box<T>>>;

/// A type of which each thread keeps boxes.
pub(super) trait Pooled: Default + 'static {
    /// Returns the place where they wait.
    fn spare() -> &'static LocalKey<Spare<Self>>;

    /// Drops what it holds: it is as it was made.
    fn clear(&mut self);
}

/// A value in a box that is used again by the thread that drops it: it is filled where it stays, what is moved is one
/// pointer, and seldom is there an allocation.
pub(super) struct Reused<T: Pooled>(
    /// `None` once it is dropped.
    Option<Box<T>>,
);

impl<T: Pooled> Reused<T> {
    /// Returns an empty one.
    #[inline]
    pub(super) fn empty() -> Self {
        let spare = T::spare().try_with(|spare| spare.borrow_mut().pop());
        Self(Some(spare.ok().flatten().unwrap_or_default()))
    }
}

/// Never seen: the box goes with its owner.
const GONE: &str = "a value that is dropped";

impl<T: Pooled> Deref for Reused<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_deref().expect(GONE)
    }
}

impl<T: Pooled> DerefMut for Reused<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_deref_mut().expect(GONE)
    }
}

impl<T: Pooled> Drop for Reused<T> {
    #[inline]
    fn drop(&mut self) {
        let Some(mut room) = self.0.take() else { return };
        // Before it waits: the drop of what it holds may make another.
        room.clear();
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
    #[derive(Debug, Default)]
    struct Value {
        inner: Option<Reused<Value>>,
        alive: Option<Rc<()>>,
    }

    thread_local! {
        static SPARE: Spare<Value> = const { RefCell::new(Vec::new()) };
    }

    impl Pooled for Value {
        fn spare() -> &'static LocalKey<Spare<Self>> {
            &SPARE
        }

        fn clear(&mut self) {
            *self = Self::default();
        }
    }

    fn value(inner: Option<Reused<Value>>, alive: &Rc<()>) -> Reused<Value> {
        let mut value = Reused::<Value>::empty();
        assert!(value.inner.is_none() && value.alive.is_none());
        (value.inner, value.alive) = (inner, Some(Rc::clone(alive)));
        value
    }

    #[test]
    fn the_next_value_has_the_box_of_the_last() {
        let alive = Rc::new(());
        let first = value(None, &alive);
        let place = ptr::from_ref(&*first);
        drop(first);
        assert_eq!(Rc::strong_count(&alive), 1, "what it held does not wait");
        assert!(ptr::eq(place, ptr::from_ref(&*value(None, &alive))));
    }

    #[test]
    fn one_within_another_goes_with_it_and_no_more_wait_than_may() {
        let alive = Rc::new(());
        let chain = (0..2 * MOST).fold(None, |inner, _| Some(value(inner, &alive)));
        assert_eq!(Rc::strong_count(&alive), 1 + 2 * MOST);
        drop(chain);
        assert_eq!(Rc::strong_count(&alive), 1);
        assert_eq!(SPARE.with_borrow(Vec::len), MOST);
    }
}
