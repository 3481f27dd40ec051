use plimsoll::Instant;
use std::{cell::Cell, time::Duration};

/// Since when a count stands still, as far as looks at it tell: whoever counts need not read a clock.
#[derive(Debug)]
pub(super) struct Still {
    seen: Cell<u64>,
    since: Cell<Instant>,
}

impl Still {
    pub(super) fn new(now: Instant) -> Self {
        Self { seen: Cell::new(0), since: Cell::new(now) }
    }

    /// Whether the count has been the same for so long. Only time counts in which something was `due`.
    pub(super) fn lasts(&self, count: u64, due: bool, now: Instant, limit: Duration) -> bool {
        if !due || self.seen.get() != count {
            self.seen.set(count);
            self.since.set(now);
        }
        due && now >= self.since.get() + limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_count_that_is_due_and_stands_still_lasts() {
        let at = |seconds| Instant::ORIGIN + Duration::from_secs(seconds);
        let (still, limit) = (Still::new(at(0)), Duration::from_secs(10));
        assert!(!still.lasts(1, true, at(5), limit), "it has moved");
        assert!(!still.lasts(1, true, at(14), limit));
        assert!(still.lasts(1, true, at(15), limit));
        assert!(!still.lasts(1, false, at(16), limit), "nothing is waited for");
        assert!(!still.lasts(1, true, at(25), limit));
        assert!(still.lasts(1, true, at(26), limit));
    }
}
