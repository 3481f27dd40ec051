//! Idempotency keys, by which a peer recognizes a repeated request.

use crate::headers::hex;
use http::HeaderValue;
use plimsoll_tower::driver::random_id;

/// Returns a new `Idempotency-Key`: 128 random bits from the operating system, in the draft's quotes.
pub(super) fn idempotency_key() -> HeaderValue {
    let mut text = [b'"'; 34];
    hex(&mut text[1..33], random_id());
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
