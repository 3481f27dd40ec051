//! `shed = { … }`.

use crate::{Rules, Section, section};
use plimsoll_policy::{shed::ShedSpec, units::Span};
use std::time::Duration;

section! {
    /// Load shedding: when the least delay of the queue stays above the target for an interval, calls are refused
    /// until it falls.
    for ShedSpec {
        /// The delay that the queue may have.
        target: Duration = Self::default().target,
        /// For how long the delay must stay above the target. The default is never shorter than `target`.
        interval: Duration = Self::default().interval,
    }
}

impl Rules for ShedSpec {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        if self.target <= self.interval {
            return;
        }
        if !section.given(&["interval"]) {
            self.interval = self.target;
            return;
        }
        let problem = format!(
            "{} is above the interval of {}",
            section.shown(&["target"], Span(self.target)),
            section.shown(&["interval"], Span(self.interval)),
        );
        let fault = section.fault(&["target"], problem).expecting("at most the interval");
        section.push(fault);
    }
}
