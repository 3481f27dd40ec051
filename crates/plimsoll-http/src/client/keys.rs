//! Keys by which a peer knows a request that comes twice.

use crate::headers::hex;
use http::HeaderValue;
use std::{
    cell::RefCell,
    hash::{BuildHasher, RandomState},
};

thread_local! {
    // The standard library's hasher has 128 bits of the system's randomness for each thread.
    static KEYED: RefCell<(RandomState, u64)> = RefCell::new((RandomState::new(), 0));
}

/// A new `Idempotency-Key`: 128 bits that nobody else has, in the draft's quotes.
///
/// A keyed hash (SipHash-1-3, by the standard library) of a count: no two of a thread are the same but by a collision of
/// 128 bits, and threads and processes have keys of their own.
pub(super) fn idempotency_key() -> HeaderValue {
    let bits = KEYED.with_borrow_mut(|(state, count)| {
        *count += 1;
        u128::from(state.hash_one((*count, 0_u8))) << 64 | u128::from(state.hash_one((*count, 1_u8)))
    });
    let mut text = [b'"'; 34];
    hex(&mut text[1..33], bits);
    // Quotes and hex digits are always a valid value.
    HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_key_is_a_new_one() {
        let elsewhere = std::thread::spawn(|| (0..100).map(|_| idempotency_key()).collect::<Vec<_>>());
        let mut keys: HashSet<_> = (0..1000).map(|_| idempotency_key()).collect();
        keys.extend(elsewhere.join().unwrap());
        assert_eq!(keys.len(), 1100);
        assert!(keys.iter().all(|key| key.len() == 34 && key.as_bytes()[0] == b'"'));
    }
}
