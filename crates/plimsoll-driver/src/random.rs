//! Draws for the policies: fast, per thread, seeded once from the system's randomness.

use plimsoll_policy::Draw;
use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
};

thread_local! {
    // The standard library's hasher keys are the system's randomness, without a crate for it.
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::thread::current().id()));
}

/// One uniform draw. SplitMix64 (Steele, Lea, Flood 2014): good enough for jitter and balancing, not for secrets.
#[inline]
pub fn draw() -> Draw {
    STATE.with(|state| {
        let bits = state.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        state.set(bits);
        Draw::new(bits).split()
    })
}

/// A draw that nobody outside can guess, to key a hash with: the system's randomness. Not for the hot path.
pub fn secret() -> Draw {
    Draw::new(RandomState::new().hash_one("plimsoll"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ_and_spread() {
        let draws: Vec<Draw> = (0..1000).map(|_| draw()).collect();
        let mean = draws.iter().map(|draw| draw.unit()).sum::<f64>() / 1000.0;
        assert!((0.4..0.6).contains(&mean), "{mean}");
        assert!(draws.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
