//! Strategies of the property tests.

use super::pieces::Cuts;
use proptest::{prelude::*, sample::Index};

/// Reads and writes of any size.
pub fn cuts() -> impl Strategy<Value = Cuts> {
    let reads = proptest::collection::vec(any::<usize>(), 0..12);
    (reads, 1..64_usize).prop_map(|(reads, write)| Cuts::new(reads, write))
}

/// One of `sources` with a few bytes changed, taken out or put in, most of them such as have a meaning.
pub fn mutated(mut sources: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    sources.retain(|bytes| bytes.len() < 2_000);
    let byte = prop_oneof![proptest::sample::select(&b"\r\n :,;0123af\t\0"[..]), any::<u8>()];
    let changes = proptest::collection::vec((any::<Index>(), 0..3_u8, byte), 1..5);
    (proptest::sample::select(sources), changes).prop_map(|(mut bytes, changes)| {
        for (at, kind, byte) in changes {
            let at = at.index(bytes.len() + 1);
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}
