//! `plimsoll` without a command: an overview in ten lines.

use crate::{exit::Exit, output::print, program::Program};
use clap::CommandFactory;
use std::fmt::Write;

pub(crate) fn run() -> anyhow::Result<Exit> {
    print(text())?;
    Ok(Exit::Fine)
}

/// One line a command, from the commands themselves.
fn text() -> String {
    let program = Program::command();
    let commands: Vec<_> = program.get_subcommands().collect();
    let width = commands.iter().map(|command| usage(command).len()).max().unwrap_or_default();
    let mut out = format!("{}\n\n", program.get_about().cloned().unwrap_or_default());
    for command in commands {
        let about = command.get_about().cloned().unwrap_or_default();
        let _ = writeln!(out, "  plimsoll {:width$}  {about}", usage(command));
    }
    out.push_str("\nplimsoll help COMMAND says more.\n");
    out
}

/// The command and its argument: `check FILE`.
fn usage(command: &clap::Command) -> String {
    let mut usage = command.get_name().to_owned();
    for argument in command.get_positionals() {
        let name = argument.get_value_names().and_then(<[_]>::first).map_or("", |name| name.as_str());
        let _ =
            if argument.is_required_set() { write!(usage, " {name}") } else { write!(usage, " [{name}]") };
    }
    usage
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn it_fits_ten_lines_of_a_terminal() {
        let text = text();
        assert!(text.lines().count() <= 10, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("  plimsoll check [FILE] "), "{text}");
    }
}
