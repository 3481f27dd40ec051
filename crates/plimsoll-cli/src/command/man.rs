//! `plimsoll man [COMMAND]`.

use crate::{
    exit::Exit,
    output::{complain, print},
    program::Program,
};
use clap::{Args, CommandFactory};

/// Print a manual page
///
/// The page is in roff, for man: plimsoll man > plimsoll.1, or plimsoll man check > plimsoll-check.1
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The command whose page it is; without it, the page of the whole program
    command: Option<String>,
}

impl Man {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let mut program = Program::command();
        program.build();
        let named = self.command.as_deref();
        let Some(command) = named.map_or(Some(&program), |name| program.find_subcommand(name)) else {
            let names: Vec<_> = program.get_subcommands().map(clap::Command::get_name).collect();
            let name = named.unwrap_or_default();
            complain(&format!("error: there is no command {name:?}, only {}\n", names.join(", ")));
            return Ok(Exit::Wrong);
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command.clone()).render(&mut page)?;
        print(page)?;
        Ok(Exit::Fine)
    }
}
