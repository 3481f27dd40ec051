//! Counters that never decrease, although the objects that count come and go.

use parking_lot::Mutex;
use std::collections::BTreeMap;

/// The labels of a counter.
type Name<const L: usize> = [&'static str; L];

/// Names that are remembered; those beyond are shown as they are.
const MOST: usize = 4096;

/// The values shown so far, by name. One for the process, so that all registries show the same.
#[derive(Debug)]
pub(super) struct Grown<const L: usize, const C: usize>(Mutex<BTreeMap<Name<L>, [Grows; C]>>);

/// The state of one counter.
#[derive(Clone, Copy, Debug, Default)]
struct Grows {
    last: u64,
    /// The counts of dropped objects, as far as they were seen.
    gone: u64,
}

impl<const L: usize, const C: usize> Grown<L, C> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Returns the totals of this name, whose living objects now count `seen` together.
    pub(super) fn of(&self, name: Name<L>, seen: [u64; C]) -> [u64; C] {
        let mut names = self.0.lock();
        if names.len() >= MOST && !names.contains_key(&name) {
            return seen;
        }
        let counters = names.entry(name).or_insert([Grows::default(); C]);
        let mut all = seen;
        for (counter, all) in counters.iter_mut().zip(&mut all) {
            // Dropped objects had counted at least the difference.
            counter.gone += counter.last.saturating_sub(*all);
            counter.last = *all;
            *all += counter.gone;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_of_dropped_objects_stay() {
        let grown = Grown::new();
        let shown = [[5, 1], [7, 1], [2, 0], [3, 4]].map(|seen| grown.of(["a"], seen));
        assert_eq!(shown, [[5, 1], [7, 1], [7, 1], [8, 5]]);
        assert_eq!(grown.of(["b"], [1, 1]), [1, 1]);
    }

    proptest! {
        /// A sum over objects that come and go: never less than before, never more than was counted.
        #[test]
        fn never_decreases_and_never_exceeds_what_was_counted(steps in proptest::collection::vec((0_usize..4, 0_u64..9, any::<bool>()), 1..60)) {
            let grown = Grown::<1, 1>::new();
            let (mut alive, mut counted, mut before) = ([0_u64; 4], 0, 0);
            for (who, counts, goes) in steps {
                alive[who] += counts;
                counted += counts;
                if goes {
                    alive[who] = 0;
                }
                let [shown] = grown.of(["x"], [alive.iter().sum()]);
                prop_assert!(before <= shown && shown <= counted);
                before = shown;
            }
        }
    }

    #[test]
    fn names_beyond_the_bound_are_shown_as_they_are() {
        let grown = Grown::<1, 1>::new();
        for number in 0..MOST {
            grown.of([Box::leak(number.to_string().into_boxed_str())], [1]);
        }
        assert_eq!([9, 3].map(|seen| grown.of(["late"], [seen])), [[9], [3]]);
        assert_eq!(grown.of(["0"], [0]), [1]);
    }
}
