//! The times of the requests: an open loop, which waits for no response.

use plimsoll_gateway::plimsoll::policy::Draw;
use std::time::Duration;

/// The times of a Poisson process with a given rate. The same seed gives the same times.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    rate: f64,
    draw: Draw,
    at: f64,
    end: f64,
}

impl Arrivals {
    /// Creates the times of `rate` requests a second (above 0) for `length`.
    pub(super) fn new(rate: f64, length: Duration, seed: u64) -> Self {
        Self { rate, draw: Draw::new(seed).split(), at: 0.0, end: length.as_secs_f64() }
    }

    /// The average rate, a second.
    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }
}

impl Iterator for Arrivals {
    /// After the beginning.
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.draw = self.draw.split();
        // 1 − u is above 0, so the gap is finite.
        self.at -= (1.0 - self.draw.unit()).ln() / self.rate;
        (self.at < self.end).then(|| Duration::from_secs_f64(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(seed: u64) -> Vec<Duration> {
        Arrivals::new(200.0, Duration::from_secs(100), seed).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_times() {
        assert_eq!(times(7), times(7));
        assert_ne!(times(7), times(8));
    }

    #[test]
    fn times_rise_and_stay_within_the_length() {
        let times = times(1);
        assert!(times.is_sorted());
        assert!(times.last().is_some_and(|last| *last < Duration::from_secs(100)));
    }

    #[test]
    fn as_many_come_as_were_asked_for_with_the_spread_of_chance() {
        for seed in 0..20 {
            let times = times(seed);
            // 20 000 expected, with a standard deviation of 141.
            assert!((19_200..20_800).contains(&times.len()), "{}", times.len());
            let gaps = times.windows(2).map(|pair| pair[1].as_secs_f64() - pair[0].as_secs_f64());
            let long = gaps.filter(|gap| *gap > 0.005).count() as f64 / times.len() as f64;
            // More than the mean gap: 1/e of them.
            assert!((long - 0.368).abs() < 0.02, "{long}");
        }
    }
}
