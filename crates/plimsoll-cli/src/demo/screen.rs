//! The terminal: the demo uses the alternate screen and always restores the terminal.

use super::{keys, paint::Line};
use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _},
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

/// The sequences that enter the alternate screen without a cursor, and leave it.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Standard output, or standard error where the output is for a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stream {
    Output,
    Error,
}

impl Stream {
    /// Writes text. A closed output does not end the demo.
    pub(super) fn write(self, text: &str) {
        let _ = match self {
            Self::Output => write(&mut io::stdout().lock(), text),
            Self::Error => write(&mut io::stderr().lock(), text),
        };
    }

    /// Returns whether the output is a terminal whose lines can be overwritten.
    pub(super) fn is_screen(self) -> bool {
        let terminal = match self {
            Self::Output => io::stdout().is_terminal(),
            Self::Error => io::stderr().is_terminal(),
        };
        terminal && std::env::var_os("TERM").is_some_and(|term| term != "dumb" && !term.is_empty())
    }

    /// Returns whether the output is a terminal and colours are not disabled (<https://no-color.org>).
    pub(super) fn has_colours(self) -> bool {
        self.is_screen() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    /// Returns the columns and rows.
    fn size(self) -> (usize, usize) {
        let size = match self {
            Self::Output => terminal_size::terminal_size_of(io::stdout()),
            Self::Error => terminal_size::terminal_size_of(io::stderr()),
        };
        // A terminal that does not know its size is taken for the smallest usual one.
        size.map_or((80, 24), |(width, height)| (width.0.into(), height.0.into()))
    }
}

fn write(out: &mut impl io::Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A screen that is redrawn repeatedly. A drop or a panic restores the terminal.
#[derive(Debug)]
pub(super) struct Screen {
    stream: Stream,
    size: (usize, usize),
}

/// Whether there is a screen to restore.
static ENTERED: AtomicBool = AtomicBool::new(false);

impl Screen {
    pub(super) fn enter(stream: Stream) -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let told = std::panic::take_hook();
            // Otherwise the message is written to the screen that vanishes.
            std::panic::set_hook(Box::new(move |panic| {
                leave(stream);
                keys::end();
                told(panic);
            }));
        });
        ENTERED.store(true, Ordering::Relaxed);
        stream.write(ENTER);
        Self { stream, size: (0, 0) }
    }

    /// Shows these lines in place of the last ones. `lines` gets the number of rows.
    pub(super) fn draw(&mut self, lines: impl FnOnce(usize) -> Vec<Line>) {
        if !ENTERED.load(Ordering::Relaxed) {
            // Another thread has panicked and the terminal is given back.
            return;
        }
        let (columns, rows) = self.stream.size();
        let colours = self.stream.has_colours();
        let mut out = String::from("\x1b[H");
        if (columns, rows) != self.size {
            // What a terminal makes of the old lines when its size changes is anybody's guess.
            out.push_str("\x1b[2J");
            self.size = (columns, rows);
        }
        let lines = lines(rows);
        for (at, line) in lines.iter().enumerate() {
            // No line break after the last one: on a full screen it would scroll. And erased first: after a line as wide
            // as the screen the cursor still stands on its last character.
            let next = if at == 0 { "" } else { "\r\n" };
            let _ = write!(out, "{next}\x1b[2K{}", line.render(columns, colours));
        }
        if lines.len() < rows {
            out.push_str("\r\n\x1b[J");
        }
        self.stream.write(&out);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave(self.stream);
    }
}

fn leave(stream: Stream) {
    if ENTERED.swap(false, Ordering::Relaxed) {
        stream.write(LEAVE);
    }
}
