//! The least rate at which a client must send or read.

use std::{num::NonZeroU64, time::Duration};

/// Waits shorter than this are due to timers and sockets of this process, not to the client.
const FIRST: Duration = Duration::from_millis(1);

/// A minimum rate for one body, measured over the time spent waiting for its client: [`GRACE`](Self::GRACE), and from
/// there on one second for every `rate` bytes, as `MinRate` of Apache's `mod_reqtimeout`.
///
/// Known weakness: a client that was fast may be slow for as long as the average holds. Bytes that move before the first
/// wait do not count, since buffers on the way take them.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    rate: NonZeroU64,
    moved: u64,
    waited: Duration,
}

impl Pace {
    /// The wait for a client before its rate counts: long enough for a connection that is slow to start.
    pub const GRACE: Duration = Duration::from_secs(10);

    /// A watch that asks for at least `rate` bytes a second.
    pub fn new(rate: NonZeroU64) -> Self {
        Self { rate, moved: 0, waited: Duration::ZERO }
    }

    /// Records that `bytes` have moved.
    pub fn moved(&mut self, bytes: u64) {
        if self.waited >= FIRST {
            self.moved = self.moved.saturating_add(bytes);
        }
    }

    /// Records that the client was waited for.
    pub fn waited(&mut self, time: Duration) {
        self.waited = self.waited.saturating_add(time);
    }

    /// Returns how much longer the client may be waited for; zero once it is too slow.
    pub fn left(&self) -> Duration {
        let rate = self.rate.get();
        let part = u128::from(self.moved % rate) * 1_000_000_000 / u128::from(rate);
        let earned = Duration::new(self.moved / rate, part as u32);
        Self::GRACE.saturating_add(earned).saturating_sub(self.waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn at_least(rate: u64) -> Pace {
        Pace::new(NonZeroU64::new(rate).unwrap())
    }

    #[test]
    fn bytes_buy_time_after_the_grace() {
        let mut pace = at_least(1000);
        assert_eq!(pace.left(), Pace::GRACE);
        pace.waited(secs(4));
        pace.moved(2500);
        assert_eq!(pace.left(), Duration::from_millis(8500));
        pace.waited(secs(9));
        assert_eq!(pace.left(), Duration::ZERO);
    }

    #[test]
    fn bytes_that_buffers_take_at_first_buy_none() {
        let mut pace = at_least(1000);
        pace.moved(1 << 30);
        assert_eq!(pace.left(), Pace::GRACE);
    }

    #[test]
    fn a_client_at_the_least_rate_is_never_too_slow() {
        let mut pace = at_least(3);
        for _ in 0..10_000 {
            pace.waited(secs(1));
            pace.moved(3);
            assert!(pace.left() >= secs(9));
        }
    }

    #[test]
    fn no_number_of_bytes_overflows() {
        let mut pace = at_least(1);
        pace.waited(Duration::MAX);
        pace.moved(u64::MAX);
        pace.moved(u64::MAX);
        assert_eq!(pace.left(), Duration::ZERO);
        let mut pace = at_least(u64::MAX);
        pace.waited(secs(1));
        pace.moved(u64::MAX - 1);
        assert!(pace.left() < Pace::GRACE);
    }
}
