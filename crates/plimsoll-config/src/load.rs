//! Reading a file from disk.

use crate::{Document, DocumentError, Env, LoadError, Shape, SourceFile};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The most bytes of a file; a larger one was not written by hand.
pub const MOST_BYTES: u64 = 16 << 20;

impl Document {
    /// Reads a file. Blocks while it reads. ConfigError name the file by its path, as given.
    ///
    /// # Errors
    /// If it cannot be read (a directory and a file beyond [`MOST_BYTES`] cannot), is not UTF-8, or not TOML.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        // One byte more than allowed shows that a file is too long, even one without an end.
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
            .map_err(|error| DocumentError::no_text(&name, error.as_bytes(), error.utf8_error()))?;
        Ok(Self::of_text(&name, &text)?)
    }

    /// Reads TOML as [`Document::parse`] does; the error has the text as well, so that it can show lines.
    ///
    /// # Errors
    /// With every error of syntax.
    pub fn of_text(name: &str, text: &str) -> Result<Self, DocumentError> {
        Self::parse(name, text).map_err(|faults| DocumentError::new(faults, SourceFile::new(name, text)))
    }

    /// Reads the document as [`Document::read`] does; the error has the text as well, so that it can show lines.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub fn valid<T: Shape>(&self, env: Env<'_>) -> Result<T, DocumentError> {
        self.read(env).map_err(|faults| DocumentError::new(faults, self.source().clone()))
    }
}
