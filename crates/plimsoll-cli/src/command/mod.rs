//! One file a command.

mod check;
mod completions;
mod man;
mod schema;

use crate::exit::Exit;
use clap::Subcommand;

/// Everything that can be asked of the program, in the order in which a newcomer meets it.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say everything that is wrong with a gateway's file
    Check(check::Check),
    /// Print the JSON Schema of a gateway's file
    Schema(schema::Schema),
    /// Print completions for a shell
    Completions(completions::Completions),
    /// Print a manual page
    Man(man::Man),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// If it failed for a reason that is told in one line; the exit code is then 1.
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Check(check) => check.run(),
            Self::Schema(schema) => schema.run(),
            Self::Completions(completions) => completions.run(),
            Self::Man(man) => man.run(),
        }
    }
}
