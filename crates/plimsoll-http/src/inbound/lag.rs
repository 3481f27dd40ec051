//! The scheduling lag: how long a ready task waits for a thread of the runtime.
//!
//! The time at which a request became ready is unknown: the kernel has its bytes, tokio has its task in a run queue,
//! and neither records a time. But all ready tasks wait in the same queues, so a probe waits in them, too: a timer that
//! is due every [`LAG_INTERVAL`] and measures how late it runs. While the threads keep up, the least lateness of an
//! interval is close to zero, however many requests there are. When they do not, every sample is late, and a
//! [`Shedder`] that gets the samples sees a standing queue and rejects the least important requests first.
//!
//! # Weaknesses
//! There is one sample every 10 ms, from one task: a single thread that is blocked while others are free is not seen,
//! since the others steal its work. Tokio's timers count in milliseconds, so a millisecond of lateness counts as none.
//! A process that is stopped, or starved by its neighbours, counts as overloaded.

use plimsoll_policy::shed::Shedder;
use plimsoll_tower::driver::now;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// The time between two samples: a tenth of a shedder's default interval.
pub const LAG_INTERVAL: Duration = Duration::from_millis(10);

/// The lateness that any timer has.
const GRAIN: Duration = Duration::from_millis(1);

/// Reports the lateness of tasks on this runtime to `shedder`, and calls `heard` with each sample. Ends only when
/// dropped.
///
/// Cancel safe: nothing is held.
///
/// # Panics
/// Outside a tokio runtime with its time driver.
pub async fn monitor_lag(shedder: Arc<Shedder>, heard: impl Fn(Duration)) {
    let mut pulse = interval(LAG_INTERVAL);
    // What was missed is one long wait, not many short ones.
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let due = pulse.tick().await;
        let late = Instant::now().saturating_duration_since(due).saturating_sub(GRAIN);
        heard(late);
        shedder.waited(now(), late);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_policy::shed::ShedSpec;

    #[tokio::test(start_paused = true)]
    async fn a_runtime_that_is_busy_for_long_is_overloaded_and_recovers() {
        let shedder = Arc::new(Shedder::new(ShedSpec::default()));
        let probe = tokio::spawn(monitor_lag(Arc::clone(&shedder), |_| ()));
        for _ in 0..20 {
            tokio::time::sleep(LAG_INTERVAL).await;
        }
        assert!(!shedder.overloaded(now()));
        // The clock goes on while nothing can run: a thread that does not come back for 40 ms at a time.
        for _ in 0..10 {
            tokio::time::advance(Duration::from_millis(40)).await;
            tokio::task::yield_now().await;
        }
        assert!(shedder.overloaded(now()));
        for _ in 0..40 {
            tokio::time::sleep(LAG_INTERVAL).await;
        }
        assert!(!shedder.overloaded(now()));
        probe.abort();
    }
}
