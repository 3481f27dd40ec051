//! Reduction of the load if the machine is busier than it was at the calibration.

use std::time::Duration;

/// The interval at which the machine's load is checked.
const STRETCH: Duration = Duration::from_millis(250);
/// The lateness of requests from which on the machine does not keep up.
const LATE: Duration = Duration::from_millis(150);
/// The average time of a request from which on the machine does not keep up.
const LONG: Duration = Duration::from_millis(500);
/// The strongest reduction: one request in so many is sent.
const MOST: usize = 8;

/// The choice of the requests that are sent: all, or every second, fourth or eighth. It never increases again, so that
/// the compared load is steady.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relief {
    /// Requests a second to all sides, when all are sent.
    rate: f64,
    one_in: usize,
    since: Duration,
    latest: Duration,
}

impl Relief {
    pub(super) const fn new(rate: f64) -> Self {
        Self { rate, one_in: 1, since: Duration::ZERO, latest: Duration::ZERO }
    }

    /// Returns whether the `number`th request, due at `due` after the beginning, is sent now that it is `late` and so
    /// many are under way.
    pub(super) fn sends(&mut self, number: usize, due: Duration, late: Duration, under_way: usize) -> bool {
        self.latest = self.latest.max(late);
        if due >= self.since + STRETCH {
            // By Little's law so many are under way when each takes LONG.
            let many = self.rate / self.one_in as f64 * LONG.as_secs_f64();
            if (self.latest > LATE || under_way as f64 > many) && self.one_in < MOST {
                self.one_in *= 2;
            }
            (self.since, self.latest) = (due, Duration::ZERO);
        }
        number.is_multiple_of(self.one_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRETCHES: [u64; 5] = [250, 500, 750, 1000, 1250];

    /// Returns the percentage of requests that are sent at the end.
    fn sent(late: u64, under_way: usize) -> usize {
        let mut relief = Relief::new(800.0);
        let ms = Duration::from_millis;
        for due in STRETCHES {
            relief.sends(0, ms(due), ms(late), under_way);
        }
        (0..100).filter(|number| relief.sends(*number, ms(1251), Duration::ZERO, 0)).count()
    }

    #[test]
    fn a_machine_that_keeps_up_gets_everything() {
        assert_eq!(sent(150, 400), 100);
    }

    #[test]
    fn one_that_does_not_gets_less_and_never_nothing() {
        assert_eq!(sent(151, 0), 13);
        assert_eq!(sent(0, 801), 13);
    }

    #[test]
    fn one_moment_costs_one_half() {
        let mut relief = Relief::new(800.0);
        relief.sends(0, Duration::from_millis(10), Duration::from_secs(1), 0);
        relief.sends(1, Duration::from_millis(300), Duration::ZERO, 0);
        relief.sends(2, Duration::from_millis(600), Duration::ZERO, 0);
        assert!(relief.sends(4, Duration::from_millis(601), Duration::ZERO, 0));
        assert!(!relief.sends(5, Duration::from_millis(602), Duration::ZERO, 0));
    }
}
