//! The memory of responses that their clients have not taken, over all connections of a server.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Bytes of response bodies that connections hold, and their bound.
#[derive(Debug)]
pub(super) struct Unsent {
    bytes: AtomicU64,
    most: u64,
}

impl Unsent {
    /// Without a bound where there is none.
    pub(super) fn new(most: Option<u64>) -> Arc<Self> {
        Arc::new(Self { bytes: AtomicU64::new(0), most: most.unwrap_or(u64::MAX) })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Whether the bound is reached: a response that has bytes unsent then gets no more of its body.
    pub(super) fn is_full(&self) -> bool {
        self.bytes() >= self.most
    }

    pub(super) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn remove(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Relaxed);
    }
}
