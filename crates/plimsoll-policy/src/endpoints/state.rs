//! The state of one endpoint beside its load and its ejections.

use crate::{
    Instant,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};
use std::time::Duration;

/// The least part of its share that an endpoint gets while it warms up: below it, it might get nothing to warm up with.
const LEAST_SHARE: f64 = 0.1;

#[derive(Debug)]
pub(super) struct State {
    healthy: AtomicBool,
    checked: AtomicBool,
    /// Since when it takes part; 0: from the start.
    since: AtomicU64,
}

impl State {
    /// Taken for healthy until a check says otherwise: a gateway that starts with its upstreams must serve.
    pub(super) fn new(since: Option<Instant>) -> Self {
        let since = since.map_or(0, Instant::as_nanos);
        Self { healthy: AtomicBool::new(true), checked: AtomicBool::new(false), since: AtomicU64::new(since) }
    }

    #[inline]
    pub(super) fn is_healthy(&self) -> bool {
        self.healthy.load(Relaxed)
    }

    pub(super) fn is_checked(&self) -> bool {
        self.checked.load(Relaxed)
    }

    /// Sets the result of a health check and returns the former one.
    pub(super) fn set_healthy(&self, healthy: bool, now: Instant) -> bool {
        self.checked.store(true, Relaxed);
        let before = self.healthy.swap(healthy, Relaxed);
        if healthy && !before {
            self.since.store(now.as_nanos(), Relaxed);
        }
        before
    }

    /// The part of its share that it gets, with an ejection that ended at `returned`. All of it where that is in the
    /// future: an endpoint that is asked while it is ejected is asked in panic.
    pub(super) fn share(&self, now: Instant, returned: Option<Instant>, window: Duration) -> f64 {
        let since = Instant::from_nanos(self.since.load(Relaxed)).max(returned.unwrap_or_default());
        if since == Instant::ORIGIN || since > now {
            return 1.0;
        }
        let warm = now.since(since).as_secs_f64() / window.as_secs_f64().max(f64::MIN_POSITIVE);
        warm.clamp(LEAST_SHARE, 1.0)
    }
}
