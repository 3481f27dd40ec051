//! The breaker's state as the latest event has it.

use plimsoll_policy::{BreakerState, Instant, Transition};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const STATE_BITS: u32 = 3;
const STATE_MASK: u64 = (1 << STATE_BITS) - 1;

/// Time and state in one word, so that events which two threads report in the wrong order still leave the
/// later state standing. Zero: nothing known. The time overflows after 73 years.
#[derive(Debug, Default)]
pub(super) struct LatestState {
    word: AtomicU64,
}

impl LatestState {
    pub(super) fn get(&self) -> Option<BreakerState> {
        in_word(self.word.load(Relaxed))
    }

    pub(super) fn set(&self, now: Instant, state: BreakerState) {
        self.word.store(word(now, state), Relaxed);
    }

    /// Takes the transition unless a later one is known. Of two at the same time, the second begins where the
    /// first ended.
    pub(super) fn follow(&self, now: Instant, transition: Transition) {
        let new = word(now, transition.to);
        let newer = |old: u64| {
            let (old_time, new_time) = (old >> STATE_BITS, new >> STATE_BITS);
            let follows = new_time > old_time
                || new_time == old_time && in_word(old).is_none_or(|s| s == transition.from);
            follows.then_some(new)
        };
        // A refusal means that what is known is later.
        let _ = self.word.fetch_update(Relaxed, Relaxed, newer);
    }
}

fn word(now: Instant, state: BreakerState) -> u64 {
    now.as_nanos() << STATE_BITS | (state as u64 + 1)
}

fn in_word(word: u64) -> Option<BreakerState> {
    let nth = (word & STATE_MASK).checked_sub(1)?;
    BreakerState::ALL.get(nth as usize).copied()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use plimsoll_policy::TransitionReason;

    fn change(from: BreakerState, to: BreakerState) -> Transition {
        Transition { from, to, reason: TransitionReason::ByHand }
    }

    #[test]
    fn the_latest_event_decides_in_whatever_order_they_are_told() {
        use BreakerState::*;
        let state = LatestState::default();
        assert_eq!(state.get(), None);
        let at = Instant::from_nanos;
        state.follow(at(20), change(Open, HalfOpen));
        state.follow(at(10), change(Closed, Open));
        assert_eq!(state.get(), Some(HalfOpen));
        state.follow(at(20), change(HalfOpen, Closed));
        assert_eq!(state.get(), Some(Closed));
        state.follow(at(20), change(Open, HalfOpen));
        assert_eq!(state.get(), Some(Closed));
        for wanted in BreakerState::ALL {
            state.set(at(0), wanted);
            assert_eq!(state.get(), Some(wanted));
        }
    }
}
