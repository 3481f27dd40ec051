//! The plimsoll program.
#![forbid(unsafe_code)]

mod command;
mod demo;
mod exit;
mod output;
mod overview;
mod program;

use clap::Parser;
use program::Program;
use std::process::ExitCode;

fn main() -> ExitCode {
    let done = match Program::parse().command {
        Some(command) => command.run(),
        None => overview::run(),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::complain(&format!("error: {error:#}\n"));
            exit::Exit::Failed.into()
        }
    }
}
