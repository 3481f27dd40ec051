//! The command line.

use crate::command::Command;
use clap::Parser;

/// Keeps backends afloat: a gateway with rate limits, retries, breakers and more, from one file
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version)]
#[command(after_help = "Exit codes: 0 success, 1 failure, 2 wrong usage or an invalid file.")]
pub(crate) struct Program {
    /// The command to run; without one, a short list of commands is printed
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}
