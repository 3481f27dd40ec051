//! Conditions of the service's own on which it is ready.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long a condition may take to be found out. A probe that waits longer has given up by then.
const PATIENCE: Duration = Duration::from_secs(1);

type Holds = Pin<Box<dyn Future<Output = bool> + Send>>;

/// A condition, and the word for when it does not hold.
#[derive(Clone)]
pub(crate) struct Condition {
    otherwise: &'static str,
    holds: Arc<dyn Fn() -> Holds + Send + Sync>,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.otherwise).finish()
    }
}

impl Condition {
    pub(crate) fn new<F, H>(otherwise: &'static str, holds: F) -> Self
    where
        F: Fn() -> H + Send + Sync + 'static,
        H: Future<Output = bool> + Send + 'static,
    {
        Self { otherwise, holds: Arc::new(move || Box::pin(holds())) }
    }

    /// Its word, if it does not hold or cannot be found out in time.
    pub(super) async fn fails(&self) -> Option<&'static str> {
        let holds = timeout(PATIENCE, (self.holds)()).await.unwrap_or(false);
        (!holds).then_some(self.otherwise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_condition_that_is_not_found_out_in_time_does_not_hold() {
        assert_eq!(Condition::new("away", || async { true }).fails().await, None);
        assert_eq!(Condition::new("away", || async { false }).fails().await, Some("away"));
        assert_eq!(Condition::new("away", std::future::pending).fails().await, Some("away"));
    }
}
