//! Output to standard output and standard error.

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Writes the result of a command. A closed pipe (`plimsoll schema | head`) is no failure.
pub(crate) fn print(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// How long a write waits for a reader.
const PATIENCE: Duration = Duration::from_secs(2);

/// Writes an error or a warning. A failed write is ignored, and a pipe without a reader does not keep the program from
/// ending.
pub(crate) fn complain(text: &str) {
    let (done, told) = mpsc::sync_channel(1);
    let text = text.to_owned();
    let writing = thread::Builder::new().spawn(move || {
        let _ = io::stderr().lock().write_all(text.as_bytes());
        let _ = done.send(());
    });
    if writing.is_ok() {
        let _ = told.recv_timeout(PATIENCE);
    }
}

/// Returns the diagnostics, in colour if standard error is a terminal with colours and `NO_COLOR` is not set.
pub(crate) fn paint(faults: &str) -> String {
    let unset = |name: &str| std::env::var_os(name).is_none_or(|value| value.is_empty());
    let plain = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let colours = io::stderr().is_terminal() && unset("NO_COLOR") && !plain;
    if colours { painted(faults) } else { faults.to_owned() }
}

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const BLUE: &str = "\x1b[34m";
const CYAN: &str = "\x1b[36m";
const PLAIN: &str = "\x1b[0m";

/// Colours a report: errors in red, warnings in yellow, locations in blue and suggestions in cyan.
fn painted(faults: &str) -> String {
    let line = |line: &str| {
        let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
        let trimmed = text.trim_start();
        let caret = trimmed
            .strip_prefix('|')
            .is_some_and(|rest| rest.contains('^') && rest.chars().all(|char| char == ' ' || char == '^'));
        let (colour, coloured, rest) = match text.split_once(':') {
            Some(("error", rest)) => (RED, "error:", rest),
            Some(("warning", rest)) => (YELLOW, "warning:", rest),
            _ if trimmed.starts_with("--> ") => (BLUE, text, ""),
            _ if trimmed.starts_with("= ") => (CYAN, text, ""),
            _ if caret => (RED, text, ""),
            _ => return line.to_owned(),
        };
        format!("{colour}{coloured}{PLAIN}{rest}{end}")
    };
    faults.split_inclusive('\n').map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_add_nothing_to_the_text() {
        let faults =
            "error: found 7\n --> f:2:3 (a)\n  |\n2 | a = 7\n  |     ^\n  = expected \"8\"\n\nf: 1 fault\n";
        let painted = painted(faults);
        assert!(painted.contains("\x1b[1;31merror:\x1b[0m found 7\n"), "{painted:?}");
        assert!(painted.contains("\x1b[36m  = expected \"8\"\x1b[0m\n"), "{painted:?}");
        let plain =
            [RED, YELLOW, BLUE, CYAN, PLAIN].iter().fold(painted, |text, code| text.replace(code, ""));
        assert_eq!(plain, faults);
    }
}
