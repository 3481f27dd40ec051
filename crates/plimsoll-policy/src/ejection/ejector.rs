//! The machine that ejects.

use super::{
    Ejected, EjectionReason, EjectionSpec, EndpointStanding, Verdict, Withheld, WithheldBecause,
    endpoint::Endpoint, sweep, thresholds::Thresholds,
};
use crate::{
    Draw, Instant, Outcome,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};
use std::{sync::Arc, time::Duration};

/// Up to this part of an ejection's time is drawn on top of it.
const JITTER: u64 = 10;

/// Leaves endpoints alone that stand out. See [`crate::ejection`].
///
/// 128 bytes an endpoint, in one allocation each, and 88 bytes for the whole. Asking is one load. Settling is two loads,
/// one add for a success and two for a failure; only an endpoint that stands out and a sweep that is due cost a walk
/// over the endpoints, under a lock that nobody waits for: who finds it taken goes on, and the next failure asks again.
///
/// ```
/// # use plimsoll_policy::{Draw, Failure, Instant, Outcome, ejection::{EjectionSpec, Ejector}};
/// let ejector = Ejector::new(&EjectionSpec::default(), 3);   // 5 in a row, 30 s
/// let (now, draw) = (Instant::from_nanos(1), Draw::new(0));
/// for _ in 0..5 {
///     ejector.settle(2, now, draw, Outcome::Failure(Failure::Answer));
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
    endpoints: Box<[Arc<Endpoint>]>,
}

impl Ejector {
    /// For the endpoints `0..endpoints`, all in.
    pub fn new(spec: &EjectionSpec, endpoints: u32) -> Self {
        let endpoints = (0..endpoints).map(|_| Arc::new(Endpoint::new())).collect();
        Self::of(spec, endpoints, 0)
    }

    /// For another set, `from[new index] = old index` where an endpoint stays: its ejection and its record stay with it.
    /// `None`, or an index that the old set does not have, is a new one.
    pub fn carried(&self, spec: &EjectionSpec, from: &[Option<u32>]) -> Self {
        let kept = |old: &Option<u32>| old.and_then(|old| self.endpoints.get(old as usize)).map(Arc::clone);
        let endpoints = from.iter().map(|old| kept(old).unwrap_or_else(|| Arc::new(Endpoint::new())));
        Self::of(spec, endpoints.collect(), self.due.load(Ordering::Relaxed))
    }

    fn of(spec: &EjectionSpec, endpoints: Box<[Arc<Endpoint>]>, due: u64) -> Self {
        Self {
            thresholds: Thresholds::new(spec),
            due: AtomicU64::new(due),
            judging: AtomicBool::new(false),
            endpoints,
        }
    }

    /// Whether the endpoint is to be left alone. `false` for one that is not in the set.
    #[inline]
    pub fn is_ejected(&self, endpoint: u32, now: Instant) -> bool {
        self.endpoints.get(endpoint as usize).is_some_and(|state| state.is_ejected(now))
    }

    /// An attempt at this endpoint ended so. Where an endpoint stands out by it (or, with a sweep, any endpoint), what
    /// came of that. `draw` spreads the time of an ejection.
    #[inline]
    pub fn settle(&self, endpoint: u32, now: Instant, draw: Draw, outcome: Outcome) -> Option<Verdict> {
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
        if now.as_nanos() >= self.due.load(Ordering::Relaxed) { self.sweep(now, draw) } else { None }
    }

    /// Takes an ejected endpoint back in by hand and forgives what led to it. Whether it was out.
    pub fn uneject(&self, endpoint: u32, now: Instant) -> bool {
        let out = self.is_ejected(endpoint, now);
        if let Some(state) = self.endpoints.get(endpoint as usize) {
            state.uneject();
        }
        out
    }

    /// New thresholds. Records and ejections stay, and those end when they were to end.
    pub fn update(&self, spec: &EjectionSpec) {
        self.thresholds.update(spec);
    }

    /// The thresholds in force.
    pub fn spec(&self) -> EjectionSpec {
        self.thresholds.spec()
    }

    /// How many endpoints are out.
    pub fn ejected(&self, now: Instant) -> u32 {
        self.endpoints.iter().filter(|state| state.is_ejected(now)).count() as u32
    }

    /// How each endpoint stands, in the order of their indices.
    pub fn snapshot(&self, now: Instant) -> impl ExactSizeIterator<Item = EndpointStanding> + '_ {
        self.endpoints.iter().map(move |state| state.standing(now))
    }

    #[cold]
    fn in_a_row(&self, endpoint: u32, now: Instant, draw: Draw) -> Option<Verdict> {
        self.alone(|| self.judge(endpoint, now, draw, EjectionReason::ConsecutiveFailures))
    }

    #[cold]
    fn sweep(&self, now: Instant, draw: Draw) -> Option<Verdict> {
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
            self.endpoints.iter().for_each(|state| state.sweep(now, last, every));
            let worst = sweep::outlier(&self.endpoints, &self.thresholds.success_rate()?)?;
            self.judge(worst, now, draw, EjectionReason::SuccessRate)
        })
    }

    /// Ejections are decided one at a time, so that the count of those that are out holds while one is added to it.
    fn alone(&self, decide: impl FnOnce() -> Option<Verdict>) -> Option<Verdict> {
        self.judging.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).ok()?;
        let verdict = decide();
        self.judging.store(false, Ordering::Release);
        verdict
    }

    fn judge(&self, endpoint: u32, now: Instant, draw: Draw, reason: EjectionReason) -> Option<Verdict> {
        let state = &self.endpoints[endpoint as usize];
        if state.is_ejected(now) {
            return None;
        }
        let (all, out) = (self.endpoints.len() as u32, self.ejected(now));
        if out >= self.thresholds.may_be_out(all) {
            state.withhold(now);
            let because =
                if out + 1 >= all { WithheldBecause::LastEndpoint } else { WithheldBecause::AtMost };
            return Some(Verdict::Withheld(Withheld { endpoint, reason, because }));
        }
        let (_, longer) = self.thresholds.time_out(state.times());
        let times = if longer { state.times() + 1 } else { state.times().max(1) };
        let (time, _) = self.thresholds.time_out(times);
        let until = now + Duration::from_nanos(time.saturating_add(draw.below(time / JITTER + 1)));
        state.eject(until, times);
        Some(Verdict::Ejected(Ejected { endpoint, until, times, reason }))
    }
}

#[cfg(test)]
mod tests;
