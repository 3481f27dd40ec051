//! `throttle = { … }`.

use crate::{Rules, section};
use plimsoll_policy::throttle::{Multiplier, ThrottleSpec};
use std::time::Duration;

section! {
    /// Client-side throttling: a peer that refuses much is sent little more than it accepts.
    for ThrottleSpec {
        /// How many times what the peer accepts is still sent.
        k: Multiplier = Self::default().k,
        /// Over what it is counted.
        window: Duration = Self::default().window,
    }
}

impl Rules for ThrottleSpec {}
