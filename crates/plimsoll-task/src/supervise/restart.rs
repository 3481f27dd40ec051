//! When a child is started again: a pure machine. Time and the draw are arguments.

use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The ends that are followed by a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum When {
    /// Every end: for a task that is meant to run for ever.
    Always,
    /// An error or a panic. A child that finishes is not restarted.
    #[default]
    Failed,
    /// None. A failure of such a child escalates at once.
    Never,
}

/// The limits and waits of a child's restarts.
///
/// The wait grows by two from [`Restart::first`] to [`Restart::longest`], and each is shortened by chance (see
/// [`Restart::jitter`]), so that children that fell together do not rise together. After Brooker, "Exponential Backoff
/// And Jitter" (AWS Architecture Blog, 2015), with part of the wait kept so that no draw makes it zero. Known weakness:
/// a child that fails just after [`Restart::healthy`] each time starts from the shortest wait each time; the limit in
/// [`Restart::give_up`] bounds that.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Restart {
    when: When,
    first: Duration,
    longest: Duration,
    jitter: f64,
    healthy: Duration,
    limit: usize,
    within: Duration,
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            when: When::Failed,
            first: Duration::from_millis(100),
            longest: Duration::from_secs(30),
            jitter: 0.5,
            healthy: Duration::from_secs(60),
            limit: 10,
            within: Duration::from_secs(300),
        }
    }
}

impl Restart {
    /// After failures: 100 ms, doubled up to 30 s, up to half of it off by chance; as new after a healthy minute; at
    /// most ten restarts in five minutes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the ends that are followed by a restart.
    pub const fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    /// Sets the wait before the first restart of a streak.
    pub const fn first(mut self, wait: Duration) -> Self {
        self.first = wait;
        self
    }

    /// Sets the longest wait; at most a day.
    pub const fn longest(mut self, wait: Duration) -> Self {
        self.longest = wait;
        self
    }

    /// Sets the share of a wait that jitter may take off: 0 (none, also for NaN) to 1.
    pub const fn jitter(mut self, share: f64) -> Self {
        self.jitter = if share > 0.0 { share.min(1.0) } else { 0.0 };
        self
    }

    /// Sets the run time after which a child counts as healthy: its wait starts over from the first.
    pub const fn healthy(mut self, ran: Duration) -> Self {
        self.healthy = ran;
        self
    }

    /// Sets the limit: at most `restarts` (no more than 10,000) within any span of `within`; one more escalates.
    pub const fn give_up(mut self, restarts: usize, within: Duration) -> Self {
        self.limit = if restarts < 10_000 { restarts } else { 10_000 };
        self.within = within;
        self
    }

    /// Returns whether an end, by failure or not, is followed by a restart.
    pub(super) const fn follows(&self, failed: bool) -> bool {
        match self.when {
            When::Always => true,
            When::Failed | When::Never => failed,
        }
    }

    /// The wait before the restart after `streak` others, `draw` being from 0 to 1.
    fn wait(&self, streak: u32, draw: f64) -> Duration {
        let doubled =
            1_u32.checked_shl(streak).map_or(Duration::MAX, |times| self.first.saturating_mul(times));
        doubled.min(self.longest).min(DAY).mul_f64(1.0 - self.jitter * draw.clamp(0.0, 1.0))
    }
}

/// The decision after an end that calls for a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RestartDecision {
    /// Restart after this wait.
    Again(Duration),
    /// The limit on restarts is reached.
    GiveUp,
}

/// The restarts of one child or of a group: the machine behind a supervisor, usable for tasks of another kind.
#[derive(Clone, Debug)]
pub(super) struct Restarts {
    spec: Restart,
    streak: u32,
    /// Those that count, oldest first: at most as many as the limit.
    times: VecDeque<Instant>,
}

impl Restarts {
    /// A child without restarts so far.
    pub(super) const fn new(spec: Restart) -> Self {
        Self { spec, streak: 0, times: VecDeque::new() }
    }

    /// Decides about a child that ended at `now` after running for `ran`. `draw` is a random number from 0 to 1.
    pub(super) fn ended(&mut self, now: Instant, ran: Duration, draw: f64) -> RestartDecision {
        if ran >= self.spec.healthy {
            self.streak = 0;
        }
        let counts = |at: &Instant| now.saturating_duration_since(*at) < self.spec.within;
        while self.times.front().is_some_and(|at| !counts(at)) {
            self.times.pop_front();
        }
        if self.spec.when == When::Never || self.times.len() >= self.spec.limit {
            return RestartDecision::GiveUp;
        }
        self.times.push_back(now);
        let wait = self.spec.wait(self.streak, draw);
        self.streak = self.streak.saturating_add(1);
        RestartDecision::Again(wait)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn waits_double_to_the_longest_and_start_over_when_well() {
        let spec = Restart::new().first(millis(10)).longest(millis(50)).jitter(0.0).healthy(millis(1_000));
        let (mut restarts, now) = (Restarts::new(spec), Instant::now());
        let mut wait = |ran| match restarts.ended(now, millis(ran), 1.0) {
            RestartDecision::Again(wait) => wait.as_millis(),
            RestartDecision::GiveUp => 0,
        };
        assert_eq!([wait(0), wait(0), wait(999), wait(0), wait(1_000), wait(0)], [10, 20, 40, 50, 10, 20]);
    }

    #[test]
    fn patience_ends_and_comes_back() {
        let spec = Restart::new().give_up(2, millis(100));
        let (mut restarts, start) = (Restarts::new(spec), Instant::now());
        let mut given_up =
            |at| restarts.ended(start + millis(at), Duration::ZERO, 0.0) == RestartDecision::GiveUp;
        assert_eq!([given_up(0), given_up(50), given_up(99)], [false, false, true]);
        assert_eq!([given_up(100), given_up(120), given_up(150)], [false, true, false]);
    }

    #[test]
    fn never_is_never() {
        let mut restarts = Restarts::new(Restart::new().when(When::Never));
        assert_eq!(restarts.ended(Instant::now(), Duration::MAX, 0.5), RestartDecision::GiveUp);
        assert!(!Restart::new().when(When::Never).follows(false));
    }

    #[test]
    fn no_number_is_no_jitter() {
        assert_eq!(Restart::new().jitter(f64::NAN), Restart::new().jitter(0.0));
        assert_eq!(Restart::new().jitter(7.0), Restart::new().jitter(1.0));
    }

    proptest! {
        #[test]
        fn no_span_has_more_restarts_than_the_limit(
            limit in 0_usize..6,
            within in 1_u64..500,
            gaps in prop::collection::vec(0_u64..120, 0..80),
        ) {
            let mut restarts = Restarts::new(Restart::new().give_up(limit, millis(within)));
            let start = Instant::now();
            let (mut at, mut granted) = (0, Vec::new());
            for gap in gaps {
                at += gap;
                if restarts.ended(start + millis(at), Duration::ZERO, 0.3) != RestartDecision::GiveUp {
                    granted.push(at);
                }
            }
            for &from in &granted {
                let inside = granted.iter().filter(|&&at| at >= from && at < from + within).count();
                prop_assert!(inside <= limit);
            }
        }

        #[test]
        fn a_wait_is_within_its_bounds(
            streak in 0_u32..200,
            draw in -1.0_f64..2.0,
            jitter in 0.0_f64..=1.0,
            first in 0_u64..10_000,
            longest in 0_u64..100_000,
        ) {
            let spec = Restart::new().first(millis(first)).longest(millis(longest)).jitter(jitter);
            let whole = spec.jitter(0.0).wait(streak, 0.0);
            let wait = spec.wait(streak, draw);
            prop_assert!(whole <= millis(longest));
            prop_assert!(wait <= whole && wait >= whole.mul_f64(1.0 - jitter));
            prop_assert!(spec.jitter(0.0).wait(streak + 1, 0.0) >= whole);
        }
    }
}
