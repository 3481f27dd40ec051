//! Randomness: draws for the policies from a generator of the thread, ids and hash keys from the operating system.

use fastrand::Rng;
use plimsoll_policy::Draw;
use std::cell::{Cell, RefCell};

/// Bytes that are fetched from the operating system at once.
const FETCHED: usize = 512;
const ID: usize = 16;

thread_local! {
    /// Bytes of the operating system for the next ids, and how many of them have been used.
    static BYTES: RefCell<([u8; FETCHED], usize)> = const { RefCell::new(([0; FETCHED], FETCHED)) };
    // Seeded from the operating system, not by fastrand itself: its seed is made of the clock and the thread's number,
    // which restored snapshots of one machine share.
    static SEED: Cell<u64> = Cell::new(seed());
}

#[cold]
#[inline(never)]
fn seed() -> u64 {
    random_id() as u64
}

/// Returns one uniform draw of the thread's generator (wyrand, by `fastrand`): for jitter and balancing, not for secrets.
#[inline]
pub fn draw() -> Draw {
    SEED.with(|seed| {
        let mut generator = Rng::with_seed(seed.get());
        let bits = generator.u64(..);
        seed.set(generator.get_seed());
        Draw::new(bits)
    })
}

/// Returns a draw that nobody outside can guess, to key a hash with: 64 bits from the operating system.
pub fn secret() -> Draw {
    Draw::new(random_id() as u64)
}

/// Returns 128 bits from the operating system: an id that no other process makes, and that tells nothing of the others.
///
/// One call in 32 costs a system call: a thread fetches the bits of several ids at once, since refusals, which have an id
/// each, are most frequent when there is least time for them. Where the system has no randomness to give, the bits are
/// those of `fastrand`: still distinct, but no longer impossible to guess.
pub fn random_id() -> u128 {
    BYTES.with_borrow_mut(|(bytes, used)| {
        if *used == FETCHED {
            if getrandom::fill(bytes).is_err() {
                return fastrand::u128(..);
            }
            *used = 0;
        }
        let mut id = [0; ID];
        id.copy_from_slice(&bytes[*used..*used + ID]);
        *used += ID;
        u128::from_ne_bytes(id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn draws_differ_and_spread() {
        let draws: Vec<Draw> = (0..1000).map(|_| draw()).collect();
        let mean = draws.iter().map(|draw| draw.unit()).sum::<f64>() / 1000.0;
        assert!((0.4..0.6).contains(&mean), "{mean}");
        assert!(draws.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn threads_draw_from_seeds_of_their_own() {
        let elsewhere = || std::thread::spawn(|| draw().bits()).join().unwrap();
        assert_eq!((0..100).map(|_| elsewhere()).collect::<HashSet<_>>().len(), 100);
    }

    #[test]
    fn ids_use_all_bits_and_do_not_repeat() {
        let ids: HashSet<u128> = (0..1000).map(|_| random_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert_eq!(ids.iter().fold(0, |all, id| all | id), u128::MAX);
        assert_eq!(ids.iter().fold(u128::MAX, |all, id| all & id), 0);
    }
}
