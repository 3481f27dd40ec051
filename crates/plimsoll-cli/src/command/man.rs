//! `plimsoll man [COMMAND]`.

use crate::{
    exit::Exit,
    output::{complain, print},
    program::Program,
};
use clap::{Args, CommandFactory};

/// Prints a manual page in roff: `plimsoll man > plimsoll.1`, or `plimsoll man check > plimsoll-check.1`
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The command whose page it is; without it, the page of the whole program
    command: Option<String>,
}

impl Man {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let mut program = Program::command();
        program.build();
        let command = match &self.command {
            None => &program,
            Some(name) => match program.find_subcommand(name) {
                Some(command) => command,
                None => {
                    let names: Vec<_> = program.get_subcommands().map(clap::Command::get_name).collect();
                    complain(&format!("error: there is no command {name:?}, only {}\n", names.join(", ")));
                    return Ok(Exit::Wrong);
                }
            },
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command.clone()).render(&mut page)?;
        print(page)?;
        Ok(Exit::Fine)
    }
}
