//! The age of a queue's first item, without a time stamp on the items.
//!
//! Items are numbered in order of arrival. A mark records how many had arrived by a time; the first item in the queue is
//! number `gone`, so it arrived at the latest by the first mark with a larger count.

use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// The most marks; then every second one is dropped.
const MOST: usize = 64;

/// A bounded list of marks, exact to the interval between two. When it is full, every second mark is dropped, which halves
/// the exactness: ages stay lower bounds.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    marks: VecDeque<Mark>,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Instant,
    come: u64,
}

impl Marks {
    /// Notes that by `now` `come` items have arrived in all, of which `gone` have left.
    pub(crate) fn note(&mut self, now: Instant, come: u64, gone: u64) {
        while self.marks.front().is_some_and(|mark| mark.come <= gone) {
            self.marks.pop_front();
        }
        let last = self.marks.back().map_or(gone, |mark| mark.come);
        if come <= last {
            return;
        }
        if self.marks.len() == MOST {
            let mut keep = false;
            self.marks.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.marks.push_back(Mark { at: now, come });
    }

    /// Returns the least age of item `gone`; `None` if no mark has seen it yet.
    pub(crate) fn age(&self, now: Instant, gone: u64) -> Option<Duration> {
        let first = self.marks.iter().find(|mark| mark.come > gone)?;
        Some(now.saturating_duration_since(first.at))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn second(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_in_line_is_as_old_as_the_first_mark_that_saw_it() {
        let start = Instant::now();
        let mut marks = Marks::default();
        marks.note(start, 0, 0);
        assert_eq!(marks.age(second(start, 9), 0), None);
        marks.note(second(start, 1), 2, 0);
        marks.note(second(start, 2), 2, 1);
        marks.note(second(start, 3), 5, 1);
        assert_eq!(marks.age(second(start, 10), 1), Some(Duration::from_secs(9)));
        assert_eq!(marks.age(second(start, 10), 2), Some(Duration::from_secs(7)));
        assert_eq!(marks.age(second(start, 10), 5), None);
    }

    proptest! {
        /// However marks and items come and go: never older than it is, and bounded.
        #[test]
        fn an_age_is_a_lower_bound(steps in proptest::collection::vec((0_u64..4, 0_u64..4, any::<bool>()), 1..400)) {
            let start = Instant::now();
            let mut marks = Marks::default();
            let mut came: Vec<u64> = Vec::new();
            let mut gone = 0_u64;
            for (at, (come, go, mark)) in steps.into_iter().enumerate() {
                let at = at as u64;
                came.extend((0..come).map(|_| at));
                gone = (gone + go).min(came.len() as u64);
                if mark {
                    marks.note(second(start, at), came.len() as u64, gone);
                }
                if let Some(age) = marks.age(second(start, at), gone) {
                    let truth = at - came[gone as usize];
                    prop_assert!(age <= Duration::from_secs(truth));
                }
                prop_assert!(marks.marks.len() <= MOST);
            }
        }
    }
}
