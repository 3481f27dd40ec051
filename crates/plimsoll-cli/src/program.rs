//! The command line.

use crate::command::Command;
use clap::Parser;

/// Keeps backends afloat: a gateway with rate limits, retries, breakers and more, told by one file
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version)]
#[command(after_help = "Exit codes: 0 fine, 1 what was asked for failed, 2 wrong usage or an invalid file.")]
pub(crate) struct Program {
    /// What to do; without it, what can be done is said in a few lines.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}
