use super::Exit;
use crate::sync::{Mutex, lock};
use std::sync::Arc;
use tokio::time::Instant;

/// The state of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Not started yet.
    Waiting,
    /// It runs.
    Running,
    /// It failed, and is restarted after its backoff.
    Backoff,
    /// It was asked to stop.
    Stopping,
    /// It ended, and is not started again.
    Ended,
    /// It failed too often.
    GivenUp,
}

impl State {
    /// A short word for labels and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Backoff => "backoff",
            Self::Stopping => "stopping",
            Self::Ended => "ended",
            Self::GivenUp => "given-up",
        }
    }
}

/// One child as it is now. Counts are of the supervisor's whole life.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChildStats {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// Starts beyond the first, for whatever reason.
    pub restarts: u64,
    /// Ends by an error.
    pub failures: u64,
    /// Ends by a panic.
    pub panics: u64,
    /// How it ended last.
    pub last_exit: Option<Exit>,
}

/// A view of a supervisor's children, usable from anywhere and also after its end. Clones view the same children.
///
/// The lock is taken to read and when a child starts or ends, never while one runs.
#[derive(Clone, Debug)]
pub struct Stats(Arc<Mutex<Vec<ChildStats>>>);

impl Stats {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Vec::new())))
    }

    /// All children, in the order in which they are started.
    pub fn snapshot(&self) -> Vec<ChildStats> {
        lock(&self.0).clone()
    }

    pub(super) fn add(&self, name: &Arc<str>) {
        lock(&self.0).push(ChildStats {
            name: Arc::clone(name),
            state: State::Waiting,
            since: Instant::now(),
            restarts: 0,
            failures: 0,
            panics: 0,
            last_exit: None,
        });
    }

    pub(super) fn set(&self, index: usize, state: State, now: Instant) {
        self.with(index, |child| {
            child.state = state;
            child.since = now;
        });
    }

    pub(super) fn restarted(&self, index: usize) {
        self.with(index, |child| child.restarts += 1);
    }

    pub(super) fn ended(&self, index: usize, exit: &Exit) {
        self.with(index, |child| {
            child.failures += u64::from(matches!(exit, Exit::Failed(_)));
            child.panics += u64::from(matches!(exit, Exit::Panicked(_)));
            child.last_exit = Some(exit.clone());
        });
    }

    fn with(&self, index: usize, change: impl FnOnce(&mut ChildStats)) {
        if let Some(child) = lock(&self.0).get_mut(index) {
            change(child);
        }
    }
}
