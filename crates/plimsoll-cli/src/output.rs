//! Writing to whoever called.

use std::io::{self, ErrorKind, Write};

/// Writes what was asked for. A reader that has had enough (`plimsoll schema | head`) is no failure.
pub(crate) fn print(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Says what is wrong or odd. Where nobody can be told, there is nobody to tell that either.
pub(crate) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
