//! One file a command.

mod check;
mod completions;
mod demo;
mod man;
mod run;
mod schema;

use crate::exit::Exit;
use clap::Subcommand;

/// The file where none is named.
pub(crate) const DEFAULT_FILE: &str = "plimsoll.toml";

/// Everything that can be asked of the program, in the order in which a newcomer meets it. What each says of itself
/// stands at its type.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Run(run::Run),
    Check(check::Check),
    /// Print the JSON Schema of a gateway's file
    ///
    /// Draft 2020-12, for editors and other programs.
    Schema,
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// If it failed for a reason that is told in one line; the exit code is then 1.
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Demo(demo) => demo.run(),
            Self::Run(run) => Ok(run.run()),
            Self::Check(check) => check.run(),
            Self::Schema => schema::run(),
            Self::Completions(completions) => completions.run(),
            Self::Man(man) => man.run(),
        }
    }
}
