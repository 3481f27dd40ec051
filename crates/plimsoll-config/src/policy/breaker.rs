//! `breaker = { … }`.

use crate::{Content, Node, Reader, Rules, Schemas, Section, Shape, section, text_or};
use plimsoll_policy::{
    breaker::{BreakerSpec, Slow, Window},
    units::{Ratio, Span, duration},
};
use serde_json::Value;
use std::{borrow::Cow, num::NonZeroU32, time::Duration};

/// From what part of slow calls on a breaker opens, where only `slow-call` was given.
const SLOW_RATIO: Ratio = Ratio::percent(50);

impl Shape for Window {
    fn expected() -> Cow<'static, str> {
        "a duration above zero such as \"10s\", or a number of calls from 1 to 4294967295".into()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let expected = Self::expected();
        if matches!(node.content(), Content::Integer(_)) {
            let calls = reader.integer(node, 1..=i128::from(u32::MAX), &expected)?;
            return NonZeroU32::new(u32::try_from(calls).ok()?).map(Self::Calls);
        }
        let above_zero = |text: &str| duration(text).ok().filter(|duration| !duration.is_zero());
        reader.quantity(node, &expected, above_zero).map(Self::Time)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        text_or(Duration::schema(schemas), NonZeroU32::schema(schemas))
    }

    fn write(&self) -> Value {
        match self {
            Self::Time(time) => time.write(),
            Self::Calls(calls) => calls.write(),
        }
    }
}

section! {
    /// A circuit breaker: any one of its conditions opens it.
    pub(super) struct Breaker {
        /// The window that is counted: the calls of the last so long, or the last so many calls.
        window: Window = BreakerSpec::default().window,
        /// The calls in the window from which on ratios count. The default is never above a window by count.
        minimum_calls: NonZeroU32 = BreakerSpec::default().minimum_calls,
        /// The ratio of failures that opens it.
        failure_ratio: Option<Ratio> = BreakerSpec::default().failure_ratio,
        /// The time from which on a call is slow. By default no call is slow.
        slow_call?: Duration,
        /// The ratio of slow calls that opens it. By default "50%" if `slow-call` is given.
        slow_ratio?: Ratio,
        /// The failures in a row that open it.
        consecutive_failures: Option<NonZeroU32> = BreakerSpec::default().consecutive_failures,
        /// The first open time; each failed probe doubles it.
        open: Duration = BreakerSpec::default().open,
        /// The longest open time. The default is never below `open`.
        max_open: Duration = BreakerSpec::default().max_open,
        /// Each open time is lengthened by up to this part of itself, so that many clients do not probe at once.
        jitter: Ratio = BreakerSpec::default().jitter,
        /// The probes that are admitted while half-open; all of them must succeed to close it.
        probes: NonZeroU32 = BreakerSpec::default().probes,
        /// Probes without an outcome after this long are given up, and a new set is admitted.
        half_open: Duration = BreakerSpec::default().half_open,
    }
}

impl Rules for Breaker {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        self.fit_minimum(section);
        self.fit_max_open(section);
        if self.failure_ratio == Some(Ratio::ZERO) {
            let fault =
                section.fault(&["failure-ratio"], "a ratio of 0% would open it with no failure at all");
            section.push(fault.expecting("a ratio above 0%, or \"off\""));
        }
        if self.slow_ratio == Some(Ratio::ZERO) {
            let fault =
                section.fault(&["slow-ratio"], "a ratio of 0% would open it with no slow call at all");
            section.push(fault.expecting("a ratio above 0%"));
        }
        if self.slow_ratio.is_some() && self.slow_call.is_none() {
            let fault = section.fault(&["slow-ratio"], "nothing says from when on a call is slow");
            section.push(fault.expecting("\"slow-call\" beside it, such as slow-call = \"2s\""));
        }
        if self.failure_ratio.is_none() && self.slow_call.is_none() && self.consecutive_failures.is_none() {
            let fault = section.fault(&["failure-ratio"], "nothing is left that would open it");
            section.push(
                fault.expecting("failure-ratio, slow-call or consecutive-failures, or breaker = \"off\""),
            );
        }
    }
}

impl Breaker {
    fn fit_minimum(&mut self, section: &mut Section<'_, '_>) {
        let Window::Calls(calls) = self.window else { return };
        if self.minimum_calls <= calls {
            return;
        }
        if !section.given(&["minimum-calls"]) {
            self.minimum_calls = calls;
            return;
        }
        let problem = format!("{} is above the window of {calls} calls", self.minimum_calls);
        let fault = section.fault(&["minimum-calls"], problem).expecting("at most the window");
        section.push(fault);
    }

    fn fit_max_open(&mut self, section: &mut Section<'_, '_>) {
        if self.max_open >= self.open {
            return;
        }
        if !section.given(&["max-open"]) {
            self.max_open = self.open;
            return;
        }
        let default = if section.given(&["open"]) { "" } else { " (the default)" };
        let problem = format!(
            "{} is below the open time of {}{default}",
            section.shown(&["max-open"], Span(self.max_open)),
            section.shown(&["open"], Span(self.open)),
        );
        let fault = section.fault(&["max-open"], problem).expecting("at least the open time");
        section.push(fault);
    }
}

impl From<Breaker> for BreakerSpec {
    fn from(written: Breaker) -> Self {
        let slow = |call| Slow { call, ratio: written.slow_ratio.unwrap_or(SLOW_RATIO) };
        Self {
            window: written.window,
            minimum_calls: written.minimum_calls,
            failure_ratio: written.failure_ratio,
            slow: written.slow_call.map(slow),
            consecutive_failures: written.consecutive_failures,
            open: written.open,
            max_open: written.max_open,
            jitter: written.jitter,
            probes: written.probes,
            half_open: written.half_open,
        }
    }
}

impl From<&BreakerSpec> for Breaker {
    fn from(spec: &BreakerSpec) -> Self {
        Self {
            window: spec.window,
            minimum_calls: spec.minimum_calls,
            failure_ratio: spec.failure_ratio,
            slow_call: spec.slow.map(|slow| slow.call),
            slow_ratio: spec.slow.map(|slow| slow.ratio),
            consecutive_failures: spec.consecutive_failures,
            open: spec.open,
            max_open: spec.max_open,
            jitter: spec.jitter,
            probes: spec.probes,
            half_open: spec.half_open,
        }
    }
}

impl Shape for BreakerSpec {
    fn expected() -> Cow<'static, str> {
        Breaker::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        Breaker::read(node, reader).map(Self::from)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Breaker::schema(schemas)
    }

    fn write(&self) -> Value {
        Breaker::from(self).write()
    }
}
