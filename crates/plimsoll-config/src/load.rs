//! Reading a file from disk.

use crate::{Document, Env, Invalid, LoadError, Shape, Source};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The most bytes that a file may have; more is no file that anyone wrote.
pub const MOST_BYTES: u64 = 16 << 20;

impl Document {
    /// Reads a file whole. Blocks while it reads. Faults call it by its path, as given.
    ///
    /// # Errors
    /// If it cannot be read (a directory and a file beyond [`MOST_BYTES`] cannot), is no text, or no TOML.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        // One byte beyond tells a file that is too long, be it one without an end.
        let mut file = File::open(path).map_err(unreadable)?.take(MOST_BYTES + 1);
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(unreadable(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it has more than {MOST_BYTES} bytes"),
            )));
        }
        let name = path.display().to_string();
        let text = String::from_utf8(bytes)
            .map_err(|error| Invalid::no_text(&name, error.as_bytes(), error.utf8_error()))?;
        Ok(Self::of_text(&name, &text)?)
    }

    /// [`Document::parse`], with the text beside the faults to show them in.
    ///
    /// # Errors
    /// With every error of syntax.
    pub fn of_text(name: &str, text: &str) -> Result<Self, Invalid> {
        Self::parse(name, text).map_err(|faults| Invalid::new(faults, Source::new(name, text)))
    }

    /// [`Document::read`], with the text beside the faults to show them in.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub fn valid<T: Shape>(&self, env: Env<'_>) -> Result<T, Invalid> {
        self.read(env).map_err(|faults| Invalid::new(faults, self.source().clone()))
    }
}
