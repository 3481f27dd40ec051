//! `cargo xtask bench serve --instructions`: what one request of the server takes, in counts that repeat where times do not.

use super::{CONNECTIONS, OURS, SERVERS, instructions, program, slice};
use crate::{
    bench::{
        callgrind::Profile,
        instructions::executed_into,
        record::{Counts, RecordFile},
    },
    workspace::Workspace,
};
use anyhow::{Context, Result};
use std::fs;

pub(super) const RECORD: RecordFile = RecordFile {
    path: "benches/serve.toml",
    title: "The cost of one request of a hello-world route of the library's server with its defaults.",
    command: "cargo xtask bench serve --instructions",
    // How many requests a turn of the loop finds differs a little from run to run.
    tolerance: 1.03,
};

/// Requests of the run whose allocations are counted.
const COUNTED: u32 = 8_000;

/// Requests of the run whose functions are shown: so many that start and warm-up are a fiftieth of it.
const PROFILED: u32 = 38_400;

/// Functions shown.
const SHOWN: usize = 40;

/// Counts, prints, and returns every count that is over what is recorded.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<String>> {
    RECORD.findings(&workspace.root, &count(workspace, false)?)
}

/// Counts of one request.
pub(super) fn count(workspace: &Workspace, profile: bool) -> Result<Counts> {
    let program = program(workspace)?;
    let (kind, _) = SERVERS[OURS];
    if profile {
        let dump = workspace.target.join("bench").join("serve.callgrind");
        fs::create_dir_all(dump.with_file_name("")).context("the folder of dumps")?;
        executed_into(&dump, &program, &[kind, &PROFILED.to_string(), &CONNECTIONS.to_string()])?;
        let text = fs::read_to_string(&dump).context("callgrind's dump")?;
        Profile::parse(&text)?.show(&dump, u64::from(PROFILED), SHOWN);
    }
    let allocations = slice(&program, kind, COUNTED)?.allocations;
    let named = [("instructions", instructions(&program, kind)?), ("allocations", allocations)];
    Ok(named.map(|(name, count)| (name.to_owned(), count)).into())
}
