//! `throttle = { … }`.

use crate::{Rules, section};
use plimsoll_policy::throttle::{Multiplier, ThrottleSpec};
use std::time::Duration;

section! {
    /// Client-side throttling: a peer that refuses many attempts is sent little more than it accepts.
    for ThrottleSpec {
        /// How many times the accepted attempts may be sent.
        k: Multiplier = Self::default().k,
        /// The time over which attempts are counted.
        window: Duration = Self::default().window,
    }
}

impl Rules for ThrottleSpec {}
