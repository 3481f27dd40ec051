//! Looks at every lock and queue now and then.

use crate::{lock, queue};
use std::{collections::HashMap, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Finds locks that are held for long though nobody waits, makes sure of deadlocks, and dates what stands in queues.
///
/// Run it once in a program, supervised like any task that must not end; where time is to be an argument, call
/// [`look`](Self::look).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use plimsoll_task::measure::Watch;
/// # use std::time::Duration;
///
/// let watch = tokio::spawn(Watch::new().run(Duration::from_millis(100)));
/// # watch.abort();
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Watch {
    /// By lock and seat. No longer than the seats that were taken at the last look.
    seen: HashMap<(u64, usize), Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    held: lock::Held,
    since: Instant,
    told: bool,
}

impl Watch {
    /// One that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks once. Linear in the locks and queues that are alive.
    pub fn look(&mut self, now: Instant) {
        let mut standing = Vec::new();
        let mut seen = HashMap::with_capacity(self.seen.len());
        for core in lock::all() {
            for (seat, held) in core.held() {
                let key = (core.id(), seat);
                let before = self.seen.get(&key).filter(|before| before.held == held);
                let mut this = before.copied().unwrap_or(Seen { held, since: now, told: false });
                let lasted = now.saturating_duration_since(this.since);
                if !this.told && lasted >= core.hold_limit() {
                    lock::held_long(&core, held, None, lasted);
                    this.told = true;
                }
                seen.insert(key, this);
                standing.push((seat, held, this.since));
            }
            core.note(standing.drain(..));
        }
        self.seen = seen;
        lock::look_again(now);
        for queue in queue::all() {
            queue.look(now);
        }
    }

    /// Looks at every interval, and never ends. Ages and holdings are exact to this interval: 100 ms is a fair one.
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
