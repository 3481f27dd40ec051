//! `concurrency = { … }`.

use crate::{Rules, Section, section, words};
use plimsoll_policy::concurrency::{Algorithm, ConcurrencySpec};
use std::num::NonZeroU32;

words! { Algorithm { "aimd" => Aimd, "vegas" => Vegas, "gradient2" => Gradient2 } }

section! {
    /// A limit on the attempts in flight that adapts to what the peer is seen to bear.
    for ConcurrencySpec {
        /// How the limit moves: "aimd" on failures alone, "vegas" and "gradient2" on latency.
        algorithm: Algorithm = Self::default().algorithm,
        /// The limit at the start. The default is kept between `min` and `max`.
        initial: NonZeroU32 = Self::default().initial,
        /// The least limit. The default is never above `max`.
        min: NonZeroU32 = Self::default().min,
        /// The greatest limit.
        max: NonZeroU32 = Self::default().max,
    }
}

impl Rules for ConcurrencySpec {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        let default = if section.given(&["max"]) { "" } else { " (the default)" };
        if self.min > self.max && section.given(&["min"]) {
            let problem = format!("{} is above the max of {}{default}", self.min, self.max);
            let fault = section.fault(&["min"], problem).expecting("at most the max");
            section.push(fault);
            return;
        }
        self.min = self.min.min(self.max);
        let within = self.initial.clamp(self.min, self.max);
        if within == self.initial {
            return;
        }
        if section.given(&["initial"]) {
            let problem = format!("{} is not from {} to {}{default}", self.initial, self.min, self.max);
            let fault =
                section.fault(&["initial"], problem).expecting("at least the min and at most the max");
            section.push(fault);
        } else {
            self.initial = within;
        }
    }
}
