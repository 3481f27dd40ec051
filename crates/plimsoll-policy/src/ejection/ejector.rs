//! The machine that ejects.

use super::{
    Ejected, EjectionDecision, EjectionReason, EjectionSpec, EndpointStanding, Withheld, WithheldBecause,
    changes::Changes, endpoint::Endpoint, sweep, thresholds::Thresholds,
};
use crate::{
    Draw, Instant, Outcome,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};
use std::{sync::Arc, time::Duration};

/// Up to this part of an ejection's time is drawn on top of it.
const JITTER: u64 = 10;

/// Leaves endpoints alone that stand out. See [`crate::ejection`].
///
/// 128 bytes an endpoint, in one allocation each, and 112 bytes for the whole. Asking is one load. Judging is three
/// loads, one add for a success and two for a failure; only an endpoint that stands out and a sweep that is due cost a
/// walk over the endpoints, under a lock that nobody waits for: who finds it taken goes on, and the next failure asks
/// again.
///
/// ```
/// # use plimsoll_policy::{Draw, Failure, Instant, Outcome, ejection::{EjectionSpec, Ejector}};
/// let ejector = Ejector::new(&EjectionSpec::default(), 3);   // 5 in a row, 30 s
/// let (now, draw) = (Instant::from_nanos(1), Draw::new(0));
/// for _ in 0..5 {
///     ejector.settle(2, now, draw, Outcome::Failure(Failure::Response));
/// }
/// assert!(ejector.is_ejected(2, now));
/// assert!(!ejector.is_ejected(2, now + EjectionSpec::default().duration));
/// ```
#[derive(Debug)]
pub struct Ejector {
    thresholds: Thresholds,
    /// When the next sweep is due; 0 until an attempt has ended.
    due: AtomicU64,
    /// Somebody judges.
    judging: AtomicBool,
    /// The number of endpoints with an unreported decision.
    untold: AtomicU32,
    changes: Changes,
    endpoints: Box<[Arc<Endpoint>]>,
}

impl Ejector {
    /// An ejector for the endpoints `0..endpoints`, none ejected.
    pub fn new(spec: &EjectionSpec, endpoints: u32) -> Self {
        Self::heeded(spec, endpoints, Changes::new())
    }

    /// The same, with somebody who wants to know of changes.
    pub(crate) fn heeded(spec: &EjectionSpec, endpoints: u32, changes: Changes) -> Self {
        let endpoints = (0..endpoints).map(|_| Arc::new(Endpoint::new())).collect();
        Self::with_state(spec, endpoints, 0, 0, changes)
    }

    /// An ejector for another set, with `from[new index] = old index` for endpoints that stay: they keep ejection and
    /// record. `None`, or an index that the old set does not have, is a new one.
    pub fn carried(&self, spec: &EjectionSpec, from: &[Option<u32>]) -> Self {
        let kept = |old: &Option<u32>| old.and_then(|old| self.endpoints.get(old as usize)).map(Arc::clone);
        let endpoints = from.iter().map(|old| kept(old).unwrap_or_else(|| Arc::new(Endpoint::new())));
        // Whatever is untold stands with the endpoints; the first look finds out how much that is.
        let (due, untold) = (self.due.load(Ordering::Relaxed), self.untold.load(Ordering::Relaxed));
        Self::with_state(spec, endpoints.collect(), due, untold, self.changes.clone())
    }

    fn with_state(
        spec: &EjectionSpec,
        endpoints: Box<[Arc<Endpoint>]>,
        due: u64,
        untold: u32,
        changes: Changes,
    ) -> Self {
        Self {
            thresholds: Thresholds::new(spec),
            due: AtomicU64::new(due),
            judging: AtomicBool::new(false),
            untold: AtomicU32::new(untold),
            changes,
            endpoints,
        }
    }

    /// Returns whether the endpoint is to be left alone. `false` for one that is not in the set.
    #[inline]
    pub fn is_ejected(&self, endpoint: u32, now: Instant) -> bool {
        self.endpoints.get(endpoint as usize).is_some_and(|state| state.is_ejected(now))
    }

    /// When the endpoint's ejection ends, or when its last one ended; `None` where it never was out.
    pub(crate) fn returns(&self, endpoint: u32) -> Option<Instant> {
        let until = self.endpoints.get(endpoint as usize)?.until();
        (until > 0).then(|| Instant::from_nanos(until))
    }

    /// Records an attempt's outcome as soon as it is known: at the response's head or at its failure.
    ///
    /// Where an endpoint stands out by it (or, with a sweep, any endpoint), what came of that. A sweep that ejects
    /// several ejects them at once, and each further decision is returned with one of the next attempts. `draw` spreads
    /// the time of an ejection.
    #[inline]
    pub fn settle(
        &self,
        endpoint: u32,
        now: Instant,
        draw: Draw,
        outcome: Outcome,
    ) -> Option<EjectionDecision> {
        let state = self.endpoints.get(endpoint as usize)?;
        if state.is_ejected(now) {
            return None;
        }
        match outcome {
            Outcome::Success => state.succeeded(),
            Outcome::Failure(_) => {
                if self.thresholds.too_many(state.failed()) {
                    return self.in_a_row(endpoint, now, draw);
                }
            }
            Outcome::Throttled | Outcome::Cancelled | Outcome::Caller | Outcome::Local => return None,
        }
        self.look_around(now, draw)
    }

    /// Records a good head whose final outcome follows in trailers: a success that does not end the run of failures.
    /// [`Self::settle_late`] follows.
    #[inline]
    pub fn settle_provisional(&self, endpoint: u32, now: Instant, draw: Draw) -> Option<EjectionDecision> {
        let state = self.endpoints.get(endpoint as usize)?;
        if state.is_ejected(now) {
            return None;
        }
        state.began_well();
        self.look_around(now, draw)
    }

    /// Records the outcome after a good head. A failure replaces the success that was counted. `Success` ends the run
    /// of failures that a [provisional](Self::settle_provisional) head left standing; after any other head it must not
    /// be reported. A throttled attempt counts for nothing.
    #[inline]
    pub fn settle_late(
        &self,
        endpoint: u32,
        now: Instant,
        draw: Draw,
        outcome: Outcome,
    ) -> Option<EjectionDecision> {
        let state = self.endpoints.get(endpoint as usize)?;
        if state.is_ejected(now) {
            return None;
        }
        match outcome {
            Outcome::Success => state.run_ended(),
            Outcome::Throttled => state.forget_success(),
            Outcome::Failure(_) if self.thresholds.too_many(state.failed_late()) => {
                return self.in_a_row(endpoint, now, draw);
            }
            Outcome::Failure(_) | Outcome::Cancelled | Outcome::Caller | Outcome::Local => {}
        }
        None
    }

    #[inline]
    fn look_around(&self, now: Instant, draw: Draw) -> Option<EjectionDecision> {
        if now.as_nanos() >= self.due.load(Ordering::Relaxed) {
            return self.sweep(now, draw);
        }
        if self.untold.load(Ordering::Relaxed) > 0 { self.report() } else { None }
    }

    /// Takes an ejected endpoint back in by hand and forgives what led to it. Whether it was out.
    pub fn uneject(&self, endpoint: u32, now: Instant) -> bool {
        let out = self.is_ejected(endpoint, now);
        if let Some(state) = self.endpoints.get(endpoint as usize) {
            state.uneject();
            self.changes.happened();
        }
        out
    }

    /// Puts new thresholds in force. Records and ejections stay, with their ends.
    pub fn update(&self, spec: &EjectionSpec) {
        self.thresholds.update(spec);
    }

    /// Returns the thresholds in force.
    pub fn spec(&self) -> EjectionSpec {
        self.thresholds.spec()
    }

    /// Returns the number of ejected endpoints.
    pub fn ejected(&self, now: Instant) -> u32 {
        self.endpoints.iter().filter(|state| state.is_ejected(now)).count() as u32
    }

    /// Returns the standing of each endpoint, by index.
    pub fn snapshot(&self, now: Instant) -> impl ExactSizeIterator<Item = EndpointStanding> + '_ {
        self.endpoints.iter().map(move |state| state.standing(now))
    }

    #[cold]
    fn in_a_row(&self, endpoint: u32, now: Instant, draw: Draw) -> Option<EjectionDecision> {
        self.alone(|| self.decide(endpoint, now, draw, EjectionReason::ConsecutiveFailures))
    }

    #[cold]
    fn sweep(&self, now: Instant, draw: Draw) -> Option<EjectionDecision> {
        self.alone(|| {
            let (due, every) = (self.due.load(Ordering::Relaxed), self.thresholds.sweep());
            if now.as_nanos() < due {
                return None;
            }
            let next = now + Duration::from_nanos(every);
            self.due.store(next.as_nanos(), Ordering::Relaxed);
            if due == 0 {
                return None;
            }
            let last = Instant::from_nanos(due.saturating_sub(every));
            self.endpoints.iter().for_each(|state| state.close_tally());
            let first = self.outliers(now, draw);
            // Last, so that what is ejected by this sweep is not rewarded for the time before it.
            self.endpoints.iter().for_each(|state| state.live_down(now, last, every));
            first
        })
    }

    /// Ejects the outliers of the tallies just closed. Returns the first decision; the others are kept for
    /// [`Self::tell`].
    fn outliers(&self, now: Instant, draw: Draw) -> Option<EjectionDecision> {
        let (rate, percentage) = (self.thresholds.success_rate(), self.thresholds.failure_percentage());
        if rate.is_none() && percentage.is_none() {
            return None;
        }
        let rates = sweep::rates(&self.endpoints, now);
        let by_rate = rate.map(|spec| sweep::by_success_rate(&rates, &spec)).unwrap_or_default();
        let by_percentage =
            percentage.map(|spec| sweep::by_failure_percentage(&rates, &spec)).unwrap_or_default();
        let by_rate = by_rate.into_iter().map(|endpoint| (endpoint, EjectionReason::SuccessRate));
        let by_percentage =
            by_percentage.into_iter().map(|endpoint| (endpoint, EjectionReason::FailurePercentage));
        let (mut first, mut draw) = (None, draw);
        for (endpoint, reason) in by_rate.chain(by_percentage) {
            let decision = self.decide(endpoint, now, draw, reason);
            draw = draw.split();
            let Some(decision) = decision else { continue };
            if first.is_none() {
                first = Some(decision);
            } else if self.endpoints[endpoint as usize].keep(decision) {
                self.untold.fetch_add(1, Ordering::Relaxed);
            }
        }
        first
    }

    /// Returns one kept decision. If the count is wrong (an endpoint that a reload removed took its decision along),
    /// it is put right.
    #[cold]
    fn report(&self) -> Option<EjectionDecision> {
        let told = (0..).zip(&self.endpoints).find_map(|(index, state)| state.report(index));
        match told {
            Some(_) => {
                let less = |untold: u32| untold.checked_sub(1);
                let _ = self.untold.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
            }
            None => self.untold.store(0, Ordering::Relaxed),
        }
        told
    }

    /// Ejections are decided one at a time, so that the count of those that are out holds while one is added to it.
    fn alone(&self, decide: impl FnOnce() -> Option<EjectionDecision>) -> Option<EjectionDecision> {
        self.judging.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).ok()?;
        let decision = decide();
        self.judging.store(false, Ordering::Release);
        decision
    }

    fn decide(
        &self,
        endpoint: u32,
        now: Instant,
        draw: Draw,
        reason: EjectionReason,
    ) -> Option<EjectionDecision> {
        let state = &self.endpoints[endpoint as usize];
        if state.is_ejected(now) {
            return None;
        }
        let (all, out) = (self.endpoints.len() as u32, self.ejected(now));
        if out >= self.thresholds.may_be_out(all) {
            state.withhold(now, reason);
            let because =
                if out + 1 >= all { WithheldBecause::LastEndpoint } else { WithheldBecause::AtMost };
            return Some(EjectionDecision::Withheld(Withheld { endpoint, reason, because }));
        }
        let times = self.thresholds.further(state.times());
        let time = self.thresholds.time_out(times);
        let until = now + Duration::from_nanos(time.saturating_add(draw.below(time / JITTER + 1)));
        state.eject(until, times);
        self.changes.returns(until);
        self.changes.happened();
        Some(EjectionDecision::Ejected(Ejected { endpoint, until, times, reason }))
    }
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(loom)))]
mod envoy;
