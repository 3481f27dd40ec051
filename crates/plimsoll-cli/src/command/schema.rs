//! `plimsoll schema`.

use crate::{exit::Exit, output::print};
use plimsoll_gateway::file;

pub(crate) fn run() -> anyhow::Result<Exit> {
    print(format!("{:#}\n", file::schema()))?;
    Ok(Exit::Fine)
}
