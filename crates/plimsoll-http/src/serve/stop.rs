use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Begins a server's drain from inside the program. Clones belong to the same server.
#[derive(Clone, Debug, Default)]
pub struct Stopper(CancellationToken);

impl Stopper {
    /// No longer ready, and on the way out. Once is enough; it cannot be taken back.
    pub fn stop(&self) {
        self.0.cancel();
    }

    /// Whether the drain has begun, for whatever reason.
    pub fn is_stopped(&self) -> bool {
        self.0.is_cancelled()
    }

    /// When the drain has begun, for whatever reason. Cancel safe.
    pub async fn stopped(&self) {
        self.0.cancelled().await;
    }

    pub(super) const fn token(&self) -> &CancellationToken {
        &self.0
    }
}

/// For how long each part of a drain may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DrainLimits {
    /// After `SIGTERM`: still serving, no longer ready, so that whoever routes requests learns of it before the address is
    /// closed. 3 s. None for Ctrl-C.
    pub notice: Duration,
    /// For requests under way to end. What is left is cut off. 30 s.
    pub requests: Duration,
}

impl Default for DrainLimits {
    fn default() -> Self {
        Self { notice: Duration::from_secs(3), requests: Duration::from_secs(30) }
    }
}
