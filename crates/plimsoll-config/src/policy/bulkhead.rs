//! `bulkhead = { … }`.

use crate::{Rules, section};
use plimsoll_policy::bulkhead::BulkheadSpec;
use std::{num::NonZeroU32, time::Duration};

section! {
    /// A bound on what is in flight, and a bounded queue before it.
    for BulkheadSpec {
        /// How many attempts may be under way at once.
        in_flight: NonZeroU32 = Self::default().in_flight,
        /// How many may wait for a place; 0 refuses at once.
        waiting: u32 = Self::default().waiting,
        /// The longest wait.
        wait: Duration = Self::default().wait,
    }
}

impl Rules for BulkheadSpec {}
