//! Calls gathered into one sample.

use crate::{Instant, time::nanos};
use std::time::Duration;

/// At least so long, and so many calls.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);
const CALLS: u32 = 10;

/// One call in this many must be lost for a window to count as one with drops.
const WEATHER: u32 = 100;

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// How many were in flight when it was let through, with it.
    pub(super) in_flight: u32,
    /// `None`: dropped.
    pub(super) latency: Option<Duration>,
}

/// The result of a window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Sample {
    /// The mean latency in nanoseconds, at least 1; `None` where every call was dropped.
    pub(super) latency: Option<f64>,
    /// The most that was in flight.
    pub(super) in_flight: f64,
    /// How many were dropped; 0 below one in a hundred.
    pub(super) drops: u32,
}

impl Sample {
    /// Returns whether all of the limit was taken at some time, so that what came back has met a queue of the limit's
    /// own making.
    pub(super) fn fills(&self, limit: f64) -> bool {
        self.in_flight >= limit.floor()
    }

    /// Returns whether enough was in flight to say anything of the limit.
    pub(super) fn utilises(&self, limit: f64) -> bool {
        2.0 * self.in_flight >= limit
    }
}

#[derive(Debug, Default)]
pub(super) struct Window {
    /// [`Instant::ORIGIN`] before the first call.
    end: Instant,
    calls: u32,
    drops: u32,
    sum: u64,
    in_flight: u32,
}

impl Window {
    /// Adds a call; what the window amounts to if it is complete with it. The next begins at once.
    pub(super) fn add(&mut self, now: Instant, call: Call) -> Option<Sample> {
        if self.end == Instant::ORIGIN {
            self.end = now + SHORTEST;
        }
        self.calls = self.calls.saturating_add(1);
        self.in_flight = self.in_flight.max(call.in_flight);
        match call.latency {
            Some(latency) => self.sum = self.sum.saturating_add(nanos(latency)),
            None => self.drops = self.drops.saturating_add(1),
        }
        if now < self.end || self.calls < CALLS {
            return None;
        }
        let completed = self.calls - self.drops;
        let mean = (completed > 0).then(|| (self.sum as f64 / f64::from(completed)).max(1.0));
        let sample = Sample {
            latency: mean,
            in_flight: f64::from(self.in_flight),
            drops: if self.drops >= self.calls.div_ceil(WEATHER) { self.drops } else { 0 },
        };
        let length = mean.map_or(SHORTEST, |mean| Duration::from_nanos((2.0 * mean) as u64));
        *self = Self { end: now + length.clamp(SHORTEST, LONGEST), ..Self::default() };
        Some(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(millis: u32) -> Instant {
        Instant::ORIGIN + MS * millis
    }

    fn call(in_flight: u32, millis: u32) -> Call {
        Call { in_flight, latency: Some(MS * millis) }
    }

    #[test]
    fn a_window_needs_time_and_calls() {
        let mut window = Window::default();
        for millis in 1..=9 {
            assert_eq!(window.add(at(millis * 50), call(millis, 4)), None);
        }
        let sample = window.add(at(500), call(1, 14)).unwrap();
        assert_eq!(sample, Sample { latency: Some(5e6), in_flight: 9.0, drops: 0 });
        for _ in 0..20 {
            assert_eq!(window.add(at(599), call(1, 4)), None, "100 ms are not over");
        }
        assert!(window.add(at(600), call(1, 4)).is_some());
    }

    #[test]
    fn slow_calls_make_long_windows() {
        let mut window = Window::default();
        for _ in 0..20 {
            window.add(at(1), call(1, 300));
        }
        assert!(window.add(at(101), call(1, 300)).is_some());
        for _ in 0..20 {
            assert_eq!(window.add(at(700), call(1, 300)), None);
        }
        assert!(window.add(at(701), call(1, 300)).is_some());
    }

    #[test]
    fn one_drop_in_a_hundred_and_one_is_the_weather() {
        let lost = Call { in_flight: 1, latency: None };
        for (calls, drops) in [(100, 1), (101, 0)] {
            let mut window = Window::default();
            window.add(at(1), lost);
            for _ in 2..calls {
                assert_eq!(window.add(at(1), call(1, 1)), None);
            }
            assert_eq!(window.add(at(101), call(1, 1)).unwrap().drops, drops);
        }
    }

    #[test]
    fn a_window_of_nothing_but_drops_has_no_latency() {
        let mut window = Window::default();
        for _ in 0..9 {
            assert_eq!(window.add(at(1), Call { in_flight: 3, latency: None }), None);
        }
        let sample = window.add(at(101), Call { in_flight: 3, latency: None }).unwrap();
        assert_eq!(sample, Sample { latency: None, in_flight: 3.0, drops: 10 });
    }
}
