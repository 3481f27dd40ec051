use std::{num::NonZeroU32, time::Duration};

/// A bulkhead: so many in flight, so many waiting, no longer than this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BulkheadSpec {
    /// How many may be under way at once.
    pub in_flight: NonZeroU32,
    /// How many may wait for a permit; 0 refuses at once.
    pub waiting: u32,
    /// The longest wait.
    pub wait: Duration,
}

impl Default for BulkheadSpec {
    /// 1024 in flight, 256 waiting for at most 100 ms.
    fn default() -> Self {
        Self { in_flight: NonZeroU32::new(1024).unwrap(), waiting: 256, wait: Duration::from_millis(100) }
    }
}
