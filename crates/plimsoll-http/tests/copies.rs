//! The promises of docs/exercise-bytes.md, counted: allocations are the same on every machine.
//!
//! One test alone in this program: what another thread allocates would be counted too.

#[path = "../benches/memory/before.rs"]
#[allow(dead_code, reason = "shared with the benches, which need all of it")]
mod before;

use bytes::Bytes;
use plimsoll_http::{path::normalize, replay::Replay};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often and how much was allocated.
fn counted<T>(work: impl FnOnce() -> T) -> (T, usize, usize) {
    let region = Region::new(ALLOCATOR);
    let done = work();
    let change = region.change();
    (done, change.allocations + change.reallocations, change.bytes_allocated)
}

#[test]
fn what_does_not_change_is_not_copied() {
    let path = "/shop/orders/2024/17/items";
    let (clean, plain, _) = counted(|| before::normalize(path).unwrap());
    assert!(plain >= 2, "the plain way no longer copies, and so shows nothing: {plain}");
    let (same, times, _) = counted(|| normalize(path).unwrap());
    assert_eq!((&*same, times), (clean.as_str(), 0));

    let chunks = before::chunks();
    let body: usize = chunks.iter().map(Bytes::len).sum();
    let (plain_len, _, plain) = counted(|| before::sent_twice(&chunks));
    assert!(plain >= 2 * body, "the plain way no longer copies, and so shows nothing: {plain}");
    let (len, _, bytes) = counted(|| {
        let replay = Replay::new(before::Body::of(&chunks), 1 << 20);
        before::drained(replay.body()) + before::drained(replay.body())
    });
    assert_eq!((len, plain_len), (2 * body, 2 * body));
    assert!(bytes < 1024, "{bytes} bytes to send {body} twice");

    // Twice the body costs not a byte more: what is kept is shared.
    let longer: Vec<Bytes> = chunks.iter().map(|chunk| Bytes::from(chunk.repeat(2))).collect();
    // The first to share a vector's memory allocates a counter for it; of `chunks` that is done.
    drop(longer.clone());
    let (_, _, again) = counted(|| {
        let replay = Replay::new(before::Body::of(&longer), 1 << 20);
        before::drained(replay.body()) + before::drained(replay.body())
    });
    assert_eq!(again, bytes);
}
