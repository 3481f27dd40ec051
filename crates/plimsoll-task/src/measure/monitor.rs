//! The monitor of all locks and queues.

use crate::{lock, queue};
use std::{collections::HashMap, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// A monitor that finds long holds without waiters, confirms deadlocks, and marks the ages of queued items.
///
/// Run it once in a program, supervised like any task that must not end; where time is to be an argument, call
/// [`look`](Self::look).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use plimsoll_task::measure::WaitMonitor;
/// # use std::time::Duration;
///
/// let watch = tokio::spawn(WaitMonitor::new().run(Duration::from_millis(100)));
/// # watch.abort();
/// # }
/// ```
#[derive(Debug, Default)]
pub struct WaitMonitor {
    /// The holders by lock and slot, as of the last look.
    seen: HashMap<(u64, usize), Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    held: lock::Holder,
    since: Instant,
    reported: bool,
}

impl WaitMonitor {
    /// A monitor that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks once. Linear in the number of live locks and queues.
    pub fn look(&mut self, now: Instant) {
        let mut standing = Vec::new();
        let mut seen = HashMap::with_capacity(self.seen.len());
        for core in lock::all() {
            for (slot, held) in core.holders() {
                let key = (core.id(), slot);
                let before = self.seen.get(&key).filter(|before| before.held == held);
                let mut this = before.copied().unwrap_or(Seen { held, since: now, reported: false });
                let lasted = now.saturating_duration_since(this.since);
                if !this.reported && lasted >= core.hold_limit() {
                    lock::held_long(&core, held, None, lasted);
                    this.reported = true;
                }
                seen.insert(key, this);
                standing.push((slot, held, this.since));
            }
            core.note(standing.drain(..));
        }
        self.seen = seen;
        lock::look_again(now);
        for queue in queue::all() {
            queue.look(now);
        }
    }

    /// Looks at every interval, for ever. Ages and holds are exact to this interval: 100 ms is reasonable.
    ///
    /// # Panics
    /// With an interval of zero, and outside of a runtime with a timer.
    ///
    /// # Cancel safety
    /// Can be dropped at any time.
    pub async fn run(mut self, every: Duration) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.look(ticks.tick().await);
        }
    }
}
