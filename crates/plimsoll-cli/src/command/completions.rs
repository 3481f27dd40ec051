//! `plimsoll completions SHELL`.

use crate::{exit::Exit, output::print, program::Program};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print completions for a shell
///
/// For example: plimsoll completions bash > /etc/bash_completion.d/plimsoll
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        // Into memory first: the generator panics where it cannot write, as into a pipe that was closed.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Program::command(), "plimsoll", &mut script);
        print(script)?;
        Ok(Exit::Fine)
    }
}
