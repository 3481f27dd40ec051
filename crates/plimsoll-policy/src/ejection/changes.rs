//! That some endpoint went out or came in.

use crate::{
    Instant,
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};
use std::sync::Arc;

/// Counts changes of who may be asked, for those who keep a sum of it. Shared by every set that shares an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Changes(Arc<Words>);

#[derive(Debug)]
struct Words {
    count: AtomicU64,
    /// When the last endpoint comes, or came, back in.
    latest_return: AtomicU64,
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Words { count: AtomicU64::new(0), latest_return: AtomicU64::new(0) }))
    }

    /// Returns the count. A caller that sees a count here also sees all that was stored before its [`Self::happened`].
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.0.count.load(Acquire)
    }

    /// After the change has been stored.
    pub(crate) fn happened(&self) {
        self.0.count.fetch_add(1, Release);
    }

    /// An endpoint comes back in at this instant.
    pub(crate) fn returns(&self, at: Instant) {
        self.0.latest_return.fetch_max(at.as_nanos(), Relaxed);
    }

    #[inline]
    pub(crate) fn latest_return(&self) -> Instant {
        Instant::from_nanos(self.0.latest_return.load(Relaxed))
    }
}
