//! `ejection = { … }` of an upstream.

use crate::{Rules, Section, section};
use plimsoll_policy::{
    ejection::{EjectionSpec, FailurePercentage, SuccessRate},
    units::{Ratio, Span},
};
use std::{num::NonZeroU32, time::Duration};

section! {
    /// An endpoint whose successes are far below the others' is ejected.
    for SuccessRate {
        /// The standard deviations below the mean that eject.
        deviations: f64 = Self::default().deviations,
        /// The endpoints with enough requests that it takes.
        minimum_endpoints: u32 = Self::default().minimum_endpoints,
        /// The requests in a sweep that are enough.
        minimum_requests: u32 = Self::default().minimum_requests,
    }
}

impl Rules for SuccessRate {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        if self.deviations <= 0.0 {
            let problem = format!("{} would eject whatever is not above the mean", self.deviations);
            let fault = section.fault(&["deviations"], problem).expecting("a number above 0, such as 1.9");
            section.push(fault);
        }
    }
}

section! {
    /// An endpoint whose failure percentage is too high is ejected, whatever the others do.
    for FailurePercentage {
        /// The failure percentage that ejects.
        threshold: Ratio = Self::default().threshold,
        /// The endpoints with enough requests that it takes.
        minimum_endpoints: u32 = Self::default().minimum_endpoints,
        /// The requests in a sweep that are enough.
        minimum_requests: u32 = Self::default().minimum_requests,
    }
}

impl Rules for FailurePercentage {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        if self.threshold == Ratio::ZERO {
            let problem = "0% would eject whatever has enough requests";
            let fault = section.fault(&["threshold"], problem).expecting("a ratio above 0%, such as \"85%\"");
            section.push(fault);
        }
    }
}

section! {
    /// Outlier ejection: an endpoint that fails where the others do not gets no calls for a while.
    for EjectionSpec {
        /// The failures in a row that eject.
        consecutive_failures: Option<NonZeroU32> = Self::default().consecutive_failures,
        /// The first ejection's duration; each further ejection lasts that much longer.
        duration as "for": Duration = Self::default().duration,
        /// The longest ejection. The default is never below `for`.
        max_duration as "max-for": Duration = Self::default().max_duration,
        /// The part of the endpoints that may be ejected at once; one always may, unless it is the only one.
        at_most: Ratio = Self::default().at_most,
        /// The interval between sweeps of success rates and failure percentages.
        sweep: Duration = Self::default().sweep,
        /// Ejection by success rate.
        success_rate: Option<SuccessRate> = Self::default().success_rate,
        /// Ejection by failure percentage. Even an empty table switches it on.
        failure_percentage: Option<FailurePercentage> = Self::default().failure_percentage,
    }
}

impl Rules for EjectionSpec {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        if self.max_duration >= self.duration {
            return;
        }
        if !section.given(&["max-for"]) {
            self.max_duration = self.duration;
            return;
        }
        let default = if section.given(&["for"]) { "" } else { " (the default)" };
        let problem = format!(
            "{} is below the first time of {}{default}",
            section.shown(&["max-for"], Span(self.max_duration)),
            section.shown(&["for"], Span(self.duration)),
        );
        let fault = section.fault(&["max-for"], problem).expecting("at least \"for\"");
        section.push(fault);
    }
}
