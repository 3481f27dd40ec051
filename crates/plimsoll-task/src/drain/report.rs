use super::Phase;
use std::{fmt, sync::Arc, time::Duration};

/// Activities in progress under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StillRunning {
    /// The name it was registered under.
    pub name: Arc<str>,
    /// How many of it; one for a hook.
    pub count: usize,
}

impl fmt::Display for StillRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.count)
    }
}

/// One phase of a drain that has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseReport {
    /// Which.
    pub phase: Phase,
    /// The longest it could take.
    pub limit: Duration,
    /// How long it took.
    pub took: Duration,
    /// The activities in progress when it began, including hooks.
    pub at_begin: Vec<StillRunning>,
    /// The activities still in progress at the limit.
    pub left: Vec<StillRunning>,
}

/// The report of a drain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// In the order in which they ran.
    pub phases: Vec<PhaseReport>,
}

impl Report {
    /// Returns whether nothing was left running in any phase.
    pub fn is_clean(&self) -> bool {
        self.phases.iter().all(|phase| phase.left.is_empty())
    }
}

/// Names and counts in one line.
pub(super) struct Listed<'a>(pub(super) &'a [StillRunning]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, still) in self.0.iter().enumerate() {
            write!(f, "{}{still}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}
