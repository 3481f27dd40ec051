//! The families that all policies share, told apart by the labels `policy` and `upstream`.

use crate::{
    collector::Observed,
    counter::Counter,
    desc::{Desc, Unit},
    error::RegisterError,
    family::{CounterFamily, HistogramFamily},
    histogram::{Buckets, Histogram},
    registry::Registry,
};

const POLICY: &str = "policy";
const UPSTREAM: &str = "upstream";

/// Policies × upstreams × what the further labels distinguish.
const MAX_SERIES: usize = 8192;

#[derive(Debug, Clone)]
pub(super) struct Families {
    pub(super) calls: CounterFamily<2>,
    pub(super) abandoned: CounterFamily<2>,
    pub(super) rejections: CounterFamily<4>,
    pub(super) waits: HistogramFamily<3>,
    pub(super) attempts: CounterFamily<3>,
    pub(super) durations: HistogramFamily<3>,
    pub(super) retries: CounterFamily<3>,
    pub(super) retries_denied: CounterFamily<3>,
    pub(super) hedges: CounterFamily<3>,
    pub(super) hedges_denied: CounterFamily<3>,
    pub(super) timeouts: CounterFamily<3>,
    pub(super) caller_timeouts: CounterFamily<3>,
    pub(super) bodies_failed: CounterFamily<3>,
    pub(super) transitions: CounterFamily<4>,
    pub(super) openings: CounterFamily<3>,
    pub(super) state: Observed<3>,
}

impl Families {
    pub(super) fn metrics(registry: &Registry) -> Result<Self, RegisterError> {
        let desc = |name, help| Desc::new(name, help).max_series(MAX_SERIES);
        let counter = |name, help| registry.counter_family(desc(name, help), [POLICY, UPSTREAM]);
        let counter_by = |name, help, by| registry.counter_family(desc(name, help), [POLICY, UPSTREAM, by]);
        let counter_by_2 = |name, help, [a, b]: [&str; 2]| {
            registry.counter_family(desc(name, help), [POLICY, UPSTREAM, a, b])
        };
        let latency = |name, help, by| {
            let desc = desc(name, help).unit(Unit::Seconds);
            registry.histogram_family(desc, &Buckets::latency(), [POLICY, UPSTREAM, by])
        };
        let state = desc("plimsoll_breaker_state", "1 for the state the breaker is in, 0 for the others.");
        Ok(Self {
            calls: counter("plimsoll_calls_total", "Calls that began.")?,
            abandoned: counter("plimsoll_calls_abandoned_total", "Calls whose caller left before the end.")?,
            rejections: counter_by_2(
                "plimsoll_rejections_total",
                "Calls that a machine of the policy refused.",
                ["machine", "reason"],
            )?,
            waits: latency("plimsoll_wait_seconds", "Time spent in a machine's queue.", "machine")?,
            attempts: counter_by("plimsoll_attempts_total", "Attempts let through.", "role")?,
            durations: latency("plimsoll_attempt_duration_seconds", "How long attempts took.", "outcome")?,
            retries: counter_by("plimsoll_retries_total", "Retries planned, by what went wrong.", "cause")?,
            retries_denied: counter_by(
                "plimsoll_retries_denied_total",
                "Retries that the cause would have allowed and that were not made.",
                "reason",
            )?,
            hedges: counter_by("plimsoll_hedges_total", "Hedges started, and how they came out.", "event")?,
            hedges_denied: counter_by(
                "plimsoll_hedges_denied_total",
                "Hedges that were due and not made.",
                "reason",
            )?,
            timeouts: counter_by(
                "plimsoll_timeouts_total",
                "Limits that ran out while the peer was waited for.",
                "limit",
            )?,
            caller_timeouts: counter_by(
                "plimsoll_caller_timeouts_total",
                "Limits that ran out while the caller was waited for.",
                "limit",
            )?,
            bodies_failed: counter_by(
                "plimsoll_bodies_failed_total",
                "Responses that did not end well after their head.",
                "outcome",
            )?,
            transitions: counter_by_2(
                "plimsoll_breaker_transitions_total",
                "Changes of the breaker's state.",
                ["from", "to"],
            )?,
            openings: counter_by("plimsoll_breaker_openings_total", "Why the breaker opened.", "reason")?,
            state: registry.observed_gauge(state, [POLICY, UPSTREAM, "state"])?,
        })
    }

    pub(super) fn handle_calls(&self, policy: &str, upstream: &str) -> (Counter, Counter) {
        (self.calls.with(&[policy, upstream]), self.abandoned.with(&[policy, upstream]))
    }

    /// Ends the series of this pair that nobody holds any more.
    pub(super) fn sweep(&self, policy: &str, upstream: &str) {
        let ended = |values: &[String]| values[0] == policy && values[1] == upstream;
        for family in [&self.calls, &self.abandoned] {
            family.sweep(ended);
        }
        for family in [&self.rejections, &self.transitions] {
            family.sweep(ended);
        }
        let by_one: [&CounterFamily<3>; 9] = [
            &self.attempts,
            &self.retries,
            &self.retries_denied,
            &self.hedges,
            &self.hedges_denied,
            &self.timeouts,
            &self.caller_timeouts,
            &self.bodies_failed,
            &self.openings,
        ];
        for family in by_one {
            family.sweep(ended);
        }
        let histograms: [&HistogramFamily<3>; 2] = [&self.waits, &self.durations];
        for family in histograms {
            family.sweep(ended);
        }
    }
}

/// The histogram of one label value, made at its first use.
pub(super) fn histogram<'a>(
    cell: &'a std::sync::OnceLock<Histogram>,
    family: &HistogramFamily<3>,
    labels: [&str; 3],
) -> &'a Histogram {
    cell.get_or_init(|| family.with(&labels))
}
