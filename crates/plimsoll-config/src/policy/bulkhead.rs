//! `bulkhead = { … }`.

use crate::{Rules, section};
use plimsoll_policy::bulkhead::BulkheadSpec;
use std::{num::NonZeroU32, time::Duration};

section! {
    /// A limit on the attempts in flight, and a bounded wait queue before it.
    for BulkheadSpec {
        /// The most attempts in flight.
        in_flight: NonZeroU32 = Self::default().in_flight,
        /// The most attempts that wait for a permit; 0 refuses at once.
        waiting: u32 = Self::default().waiting,
        /// The longest wait.
        wait: Duration = Self::default().wait,
    }
}

impl Rules for BulkheadSpec {}
