//! The commands, one file each.

mod check;
mod completions;
mod demo;
mod man;
mod run;
mod schema;

use crate::exit::Exit;
use clap::Subcommand;

/// The default file.
pub(crate) const DEFAULT_FILE: &str = "plimsoll.toml";

/// The commands of the program, in the order in which a new user needs them. The help text of each is at its type.
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
    /// Runs the command.
    ///
    /// # Errors
    /// A failure that is reported in one line; the exit code is then 1.
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
