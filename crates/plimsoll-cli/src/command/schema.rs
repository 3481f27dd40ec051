//! `plimsoll schema`.

use crate::{exit::Exit, output::print};
use clap::Args;
use plimsoll_gateway::file;

/// Prints the JSON Schema (draft 2020-12) of a gateway's file, for editors and other programs
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        print(format!("{:#}\n", file::schema()))?;
        Ok(Exit::Fine)
    }
}
