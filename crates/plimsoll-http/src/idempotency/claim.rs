use super::Lease;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// The right to store the response in the service's own transaction; in the extensions of a request with a key.
///
/// With axum, `Extension<Claim>` in a handler's arguments, or `Option<Extension<Claim>>` if the key is optional.
#[derive(Clone, Debug)]
pub struct Claim {
    lease: Lease,
    keep: Duration,
    completed: Arc<AtomicBool>,
}

impl Claim {
    pub(super) fn new(lease: Lease, keep: Duration) -> Self {
        Self { lease, keep, completed: Arc::default() }
    }

    /// Returns the lease on the request's key.
    pub const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Returns how long the response is kept.
    pub const fn keep(&self) -> Duration {
        self.keep
    }

    /// Returns whether the service has stored the response itself.
    pub(super) fn is_completed(&self) -> bool {
        self.completed.load(Relaxed)
    }

    #[cfg(feature = "postgres")]
    pub(super) fn completed(&self) {
        self.completed.store(true, Relaxed);
    }
}
