use plimsoll_policy::{Draw, Instant};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A clock that stands still until told otherwise. Shared by reference between threads.
///
/// ```
/// # use plimsoll_testkit::ManualClock;
/// # use std::time::Duration;
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_millis(30));
/// assert_eq!(clock.now().since(before), Duration::from_millis(30));
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows an hour after the origin, so that a test can look back.
    pub const fn new() -> Self {
        Self(AtomicU64::new(3_600_000_000_000))
    }

    /// Returns the time.
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.0.load(Ordering::Acquire))
    }

    /// Moves it on, and says what it shows then. It stays at the end of the range once it is there.
    pub fn advance(&self, by: Duration) -> Instant {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let before =
            self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(now.saturating_add(by)));
        Instant::from_nanos(before.unwrap_or_default().saturating_add(by))
    }

    /// Sets it, backwards too: a machine must bear that.
    pub fn set(&self, now: Instant) {
        self.0.store(now.as_nanos(), Ordering::Release);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

/// Draws that are the same in every run with the same seed.
#[derive(Clone, Debug)]
pub struct Draws(Draw);

impl Draws {
    /// The stream of this seed.
    pub const fn seeded(seed: u64) -> Self {
        Self(Draw::new(seed))
    }
}

impl Iterator for Draws {
    type Item = Draw;

    fn next(&mut self) -> Option<Draw> {
        self.0 = self.0.split();
        Some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_as_it_is_told() {
        let clock = ManualClock::new();
        let start = clock.now();
        assert_eq!(clock.advance(Duration::from_secs(1)), start + Duration::from_secs(1));
        clock.set(start);
        assert_eq!(clock.now(), start);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Instant::FAR);
    }

    #[test]
    fn a_seed_gives_one_stream() {
        let first: Vec<Draw> = Draws::seeded(7).take(3).collect();
        assert_eq!(first, Draws::seeded(7).take(3).collect::<Vec<_>>());
        assert_ne!(first[0], first[1]);
    }
}
