use parking_lot::Mutex;
use plimsoll_policy::Instant;
use std::{collections::HashMap, hash::Hash, time::Duration};

/// A limiter of repeated log events: each key is logged at most once in a window and counted in between.
///
/// The first event of a key is logged at once. Further ones within the window are counted. After the window,
/// [`due`](Self::due) returns their number and the latest of them, or the next event carries the number; then a new
/// window begins. So a key has at most one line a window, and at least one while its event goes on.
///
/// Bounded: events of keys beyond the limit are only counted, together.
///
/// Compared with sampling (one in so many), the first event is never missed and a quiet log means that nothing
/// happened.
#[derive(Debug)]
pub struct Repeats<K, V> {
    window: Duration,
    most: usize,
    state: Mutex<State<K, V>>,
}

#[derive(Debug)]
struct State<K, V> {
    kept: HashMap<K, Kept<V>>,
    beyond: u64,
}

#[derive(Debug)]
struct Kept<V> {
    told: Instant,
    untold: u64,
    latest: V,
}

/// The repeats counted in windows that are over.
#[derive(Debug)]
#[non_exhaustive]
pub struct Due<K, V> {
    /// Each key with the number of its events that were not logged, and the latest of them.
    pub repeats: Vec<(K, u64, V)>,
    /// The events of keys beyond the limit.
    pub beyond: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Repeats<K, V> {
    /// Creates a limiter with one line a key and `window`, of at most `most` keys at once.
    pub fn new(window: Duration, most: usize) -> Self {
        Self { window, most, state: Mutex::new(State { kept: HashMap::new(), beyond: 0 }) }
    }

    /// Records an event. `Some(n)`: log it; `n` earlier ones were not logged. `None`: it was only counted.
    pub fn seen(&self, key: K, event: V, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        if let Some(kept) = state.kept.get_mut(&key) {
            kept.latest = event;
            if now.since(kept.told) < self.window {
                kept.untold += 1;
                return None;
            }
            kept.told = now;
            return Some(std::mem::take(&mut kept.untold));
        }
        if state.kept.len() >= self.most {
            let window = self.window;
            state.kept.retain(|_, kept| kept.untold > 0 || now.since(kept.told) < window);
        }
        if state.kept.len() >= self.most {
            state.beyond += 1;
            return None;
        }
        state.kept.insert(key, Kept { told: now, untold: 0, latest: event });
        Some(0)
    }

    /// Takes the repeats of windows that are over. To be called about once a second.
    pub fn due(&self, now: Instant) -> Due<K, V> {
        let mut state = self.state.lock();
        let window = self.window;
        let mut repeats = Vec::new();
        state.kept.retain(|key, kept| {
            if now.since(kept.told) < window {
                return true;
            }
            if kept.untold == 0 {
                return false;
            }
            repeats.push((key.clone(), std::mem::take(&mut kept.untold), kept.latest.clone()));
            kept.told = now;
            true
        });
        Due { repeats, beyond: std::mem::take(&mut state.beyond) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Instant {
        Instant::ORIGIN + Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_is_told_and_the_rest_counted() {
        let repeats = Repeats::new(MINUTE, 8);
        assert_eq!(repeats.seen("refused", 1, at(0)), Some(0));
        assert_eq!([repeats.seen("refused", 2, at(1)), repeats.seen("refused", 3, at(59))], [None, None]);
        assert_eq!(repeats.seen("reset", 4, at(59)), Some(0), "another key is told at once");
        assert!(repeats.due(at(59)).repeats.is_empty());
        assert_eq!(repeats.due(at(60)).repeats, [("refused", 2, 3)]);
        assert_eq!(repeats.seen("refused", 5, at(61)), None, "the window began anew");
        assert_eq!(repeats.seen("refused", 6, at(121)), Some(1), "the next takes the number with it");
    }

    #[test]
    fn a_key_that_is_quiet_for_a_window_is_forgotten_and_told_at_once_when_it_comes_back() {
        let repeats = Repeats::new(MINUTE, 8);
        repeats.seen("refused", (), at(0));
        assert!(repeats.due(at(60)).repeats.is_empty());
        assert_eq!(repeats.state.lock().kept.len(), 0);
        assert_eq!(repeats.seen("refused", (), at(61)), Some(0));
    }

    #[test]
    fn keys_are_bounded_and_those_beyond_counted() {
        let repeats = Repeats::new(MINUTE, 2);
        let told = (0..10).filter(|key| repeats.seen(*key, (), at(0)).is_some()).count();
        assert_eq!((told, repeats.due(at(1)).beyond, repeats.due(at(2)).beyond), (2, 8, 0));
        assert_eq!(repeats.seen(11, (), at(60)), Some(0), "there is room again");
    }
}
