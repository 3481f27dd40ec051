use super::Deadline;
use crate::current::{self, Ambient};
use std::{cell::Cell, thread::LocalKey};

thread_local! {
    static CURRENT: Cell<Deadline> = const { Cell::new(Deadline::NEVER) };
}

impl Ambient for Deadline {
    #[inline]
    fn cell() -> &'static LocalKey<Cell<Self>> {
        &CURRENT
    }

    /// The earlier of the two.
    #[inline]
    fn within(self, outer: Self) -> Self {
        outer.min(self)
    }
}

/// A future under a deadline, as [`Deadline::scope`] makes it.
pub type Scoped<F> = current::Scoped<Deadline, F>;

/// A guard of a narrower deadline.
pub(crate) type Entered = current::Entered<Deadline>;
