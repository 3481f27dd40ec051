//! Shutdown in order: listeners, then requests, then workers, then stores, each within its limit.
//!
//! Parts of a service register under a name in one of the four phases, in one of two ways:
//!
//! - a [`Member`] counts activities ([`Member::enter`] before, drop of the [`Busy`] after): requests, a worker's loop;
//! - a hook ([`Drain::hook`]) is a future that is run when its phase comes: closing a pool, flushing a buffer.
//!
//! A task that should stop by itself watches [`Drain::token`] of its phase; [`Drain::draining`] is that of the first.
//! [`Drain::run`] goes through the phases: it cancels the token, runs the hooks concurrently, waits until no activity
//! is left or the limit is over, and logs one line with the names of those still running. The next phase follows in any
//! case: a drain never takes longer than its four limits together.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! use plimsoll_task::drain::{Drain, Phase};
//!
//! let drain = Drain::default();
//! let worker = drain.register(Phase::Workers, "outbox")?.enter();
//! let stop = drain.token(Phase::Workers).clone();
//! tokio::spawn(async move {
//!     stop.cancelled().await;
//!     // … hands over what it has begun, and then:
//!     drop(worker);
//! });
//! drain.hook(Phase::Stores, "pool", async { /* pool.close().await */ })?;
//!
//! // Any part can request the drain; one place runs it.
//! drain.request();
//! drain.requested().cancelled().await;
//! let report = drain.run().await;
//! assert!(report.is_clean());
//! # Ok::<(), plimsoll_task::drain::DrainError>(())
//! # }).unwrap();
//! ```
//!
//! | | default limit |
//! | --- | --- |
//! | [`Phase::Listeners`] | 5 s |
//! | [`Phase::Requests`] | 30 s |
//! | [`Phase::Workers`] | 30 s |
//! | [`Phase::Stores`] | 10 s |

mod member;
mod report;
mod run;

pub use member::{Busy, Member};
pub use report::{PhaseReport, Report, StillRunning};
pub use tokio_util::sync::CancellationToken;

use crate::sync::{Mutex, lock};
use member::Count;
use std::{fmt, pin::Pin, sync::Arc, time::Duration};

/// A phase of the shutdown, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Sources of work: sockets, subscriptions.
    Listeners,
    /// Admitted work.
    Requests,
    /// Background work: outboxes, timers, consumers.
    Workers,
    /// Stores that the others write to.
    Stores,
}

impl Phase {
    /// All, in order.
    pub const ALL: [Self; 4] = [Self::Listeners, Self::Requests, Self::Workers, Self::Stores];

    /// A short word for labels and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listeners => "listeners",
            Self::Requests => "requests",
            Self::Workers => "workers",
            Self::Stores => "stores",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The limits of the phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of [`Phase::Listeners`].
    pub listeners: Duration,
    /// Of [`Phase::Requests`].
    pub requests: Duration,
    /// Of [`Phase::Workers`].
    pub workers: Duration,
    /// Of [`Phase::Stores`].
    pub stores: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            listeners: Duration::from_secs(5),
            requests: Duration::from_secs(30),
            workers: Duration::from_secs(30),
            stores: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Returns the limit of one phase.
    pub const fn limit(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Listeners => self.listeners,
            Phase::Requests => self.requests,
            Phase::Workers => self.workers,
            Phase::Stores => self.stores,
        }
    }
}

/// An error of registering a member or hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrainError {
    /// The phase has begun or is over.
    #[error("the drain is past the phase already")]
    TooLate,
    /// There are 1,024 members and hooks already.
    #[error("too many members and hooks in one drain")]
    Full,
}

/// Members and hooks together.
const MOST: usize = 1_024;

type Hook = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A drain, for the parts of a service and for the code that runs it. Clones are the same drain.
#[derive(Clone)]
pub struct Drain {
    shared: Arc<Shared>,
}

struct Shared {
    limits: Limits,
    requested: CancellationToken,
    tokens: [CancellationToken; 4],
    entries: Mutex<Entries>,
    /// Held by the run; a second run waits here, and finds all phases done.
    done: tokio::sync::Mutex<Vec<PhaseReport>>,
}

struct Entries {
    /// How many phases have begun.
    begun: usize,
    members: Vec<(Phase, Arc<Count>)>,
    hooks: Vec<(Phase, Arc<str>, Hook)>,
}

impl Drain {
    /// With these limits.
    pub fn new(limits: Limits) -> Self {
        let entries = Entries { begun: 0, members: Vec::new(), hooks: Vec::new() };
        Self {
            shared: Arc::new(Shared {
                limits,
                requested: CancellationToken::new(),
                tokens: std::array::from_fn(|_| CancellationToken::new()),
                entries: Mutex::new(entries),
                done: tokio::sync::Mutex::new(Vec::new()),
            }),
        }
    }

    /// Registers a member with this name. Names need not be unique.
    ///
    /// # Errors
    /// Once the phase has begun, and beyond 1,024 members and hooks.
    pub fn register(&self, phase: Phase, name: &str) -> Result<Member, DrainError> {
        let mut entries = lock(&self.shared.entries);
        entries.admit(phase)?;
        let count = Arc::new(Count::new(name));
        entries.members.push((phase, Arc::clone(&count)));
        Ok(Member { count })
    }

    /// Registers a future that is run when the phase comes. At the limit it is dropped, and named in the report. A
    /// panic of it is logged, and ends it.
    ///
    /// # Errors
    /// Once the phase has begun, and beyond 1,024 members and hooks.
    pub fn hook(
        &self,
        phase: Phase,
        name: &str,
        hook: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), DrainError> {
        let hook: Hook = Box::pin(hook);
        let mut entries = lock(&self.shared.entries);
        entries.admit(phase)?;
        entries.hooks.push((phase, name.into(), hook));
        Ok(())
    }

    /// Requests the drain: cancels [`Drain::requested`], and nothing else.
    pub fn request(&self) {
        self.shared.requested.cancel();
    }

    /// Returns the token that is cancelled when the drain is requested or run.
    pub fn requested(&self) -> &CancellationToken {
        &self.shared.requested
    }

    /// Returns the token that is cancelled when the drain begins: that of [`Phase::Listeners`].
    pub fn draining(&self) -> &CancellationToken {
        self.token(Phase::Listeners)
    }

    /// Returns the token that is cancelled when the phase begins.
    pub fn token(&self, phase: Phase) -> &CancellationToken {
        &self.shared.tokens[phase as usize]
    }

    /// Returns the limits of the phases.
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// Returns the activities in progress, by name, for all phases.
    pub fn running(&self) -> Vec<(Phase, StillRunning)> {
        let entries = lock(&self.shared.entries);
        let busy = |(phase, count): &(Phase, Arc<Count>)| count.still_running().map(|still| (*phase, still));
        entries.members.iter().filter_map(busy).collect()
    }
}

impl Entries {
    fn admit(&self, phase: Phase) -> Result<(), DrainError> {
        if self.begun > phase as usize {
            Err(DrainError::TooLate)
        } else if self.members.len() + self.hooks.len() >= MOST {
            Err(DrainError::Full)
        } else {
            Ok(())
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain")
            .field("limits", &self.shared.limits)
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
