//! The flags of benches of which counts are recorded.

use super::record::{Counts, RecordFile};
use crate::workspace::Workspace;
use anyhow::Result;
use clap::Args;
use std::process::ExitCode;

/// The flags that count instead of timing.
#[derive(Args)]
pub(crate) struct Counting {
    /// Count what a request takes under valgrind instead, beside what is recorded
    #[arg(long)]
    instructions: bool,
    /// Count, and show the dearest crates and functions
    #[arg(long)]
    profile: bool,
    /// Count, and record what is found
    #[arg(long)]
    bless: bool,
}

impl Counting {
    /// Counts, and compares or records, where a flag says so. `count` is told whether to show functions.
    pub(super) fn run(
        &self,
        workspace: &Workspace,
        record: RecordFile,
        count: fn(&Workspace, bool) -> Result<Counts>,
    ) -> Result<Option<ExitCode>> {
        if !(self.instructions || self.profile || self.bless) {
            return Ok(None);
        }
        let counts = count(workspace, self.profile)?;
        if self.bless {
            record.bless(&workspace.root, &counts)?;
            return Ok(Some(ExitCode::SUCCESS));
        }
        Ok(Some(verdict(&record.findings(&workspace.root, &counts)?)))
    }
}

/// Prints what was found; anything is a failure.
pub(super) fn verdict(findings: &[String]) -> ExitCode {
    for finding in findings {
        println!("{finding}");
    }
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
