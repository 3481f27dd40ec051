//! Which of several cells a thread counts in, so that threads that count the same thing do not fight for one cache line.

use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// How many cells the commonest kind of call is spread over. One under loom, whose threads are all one thread's.
pub(crate) const STRIPES: usize = if cfg!(loom) { 1 } else { 4 };

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static STRIPE: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// This thread's stripe, below [`STRIPES`]. It decides where a count is written and nothing else: sums run over all
/// stripes, so that the same calls give the same decisions on whatever threads they are made.
#[inline]
pub(crate) fn stripe() -> usize {
    let stripe = STRIPE.get();
    if stripe < STRIPES { stripe } else { choose() }
}

#[cold]
fn choose() -> usize {
    let stripe = NEXT.fetch_add(1, Relaxed) % STRIPES;
    STRIPE.set(stripe);
    stripe
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_stripe() {
        let ours = stripe();
        assert!(ours < STRIPES);
        assert_eq!(stripe(), ours);
        assert!(std::thread::spawn(stripe).join().unwrap() < STRIPES);
    }
}
