use plimsoll::policy::Instant;
use std::{cell::Cell, time::Duration};

/// Since when a count stands still, as far as looks at it tell: whoever counts need not read a clock.
#[derive(Debug, Default)]
pub(crate) struct Still {
    seen: Cell<u64>,
    since: Cell<Option<Instant>>,
}

impl Still {
    /// Whether the count has been the same for so long. Only time counts in which something was `due`.
    pub(crate) fn lasts(&self, count: u64, due: bool, now: Instant, limit: Duration) -> bool {
        let since = self.since.get().filter(|_| due && self.seen.get() == count);
        self.seen.set(count);
        self.since.set(due.then_some(since.unwrap_or(now)));
        since.is_some_and(|since| now >= since + limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_count_that_is_due_and_stands_still_lasts() {
        let at = |seconds| Instant::ORIGIN + Duration::from_secs(seconds);
        let (still, limit) = (Still::default(), Duration::from_secs(10));
        assert!(!still.lasts(1, true, at(5), limit), "it has moved");
        assert!(!still.lasts(1, true, at(14), limit));
        assert!(still.lasts(1, true, at(15), limit));
        assert!(!still.lasts(1, false, at(16), limit), "nothing is waited for");
        assert!(!still.lasts(1, true, at(50), limit), "from now on it is");
        assert!(!still.lasts(1, true, at(59), limit));
        assert!(still.lasts(1, true, at(60), limit));
    }
}
