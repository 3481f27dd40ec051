//! Errors of loading a file.

use crate::{ConfigError, Diagnostic, SourceFile};
use std::{fmt, io, path::PathBuf};

/// An error of loading a file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file was read and has faults.
    #[error(transparent)]
    Invalid(#[from] DocumentError),
}

/// The faults of a file, with its text to show them in.
///
/// `Display` is one line a fault and quotes only the faulty words; [`DocumentError::render`] shows whole lines.
#[derive(Clone)]
pub struct DocumentError {
    faults: ConfigError,
    source: SourceFile,
}

impl DocumentError {
    /// Creates an error from faults and the text they are in.
    pub fn new(faults: ConfigError, source: SourceFile) -> Self {
        Self { faults, source }
    }

    /// Returns the faults, in the order of the file.
    pub fn faults(&self) -> &ConfigError {
        &self.faults
    }

    /// Renders every fault with its line and a caret, as compilers do.
    pub fn render(&self) -> String {
        self.faults.render(&self.source)
    }

    /// Creates the error of a file that is not UTF-8, at its first wrong byte.
    pub(super) fn no_text(name: &str, bytes: &[u8], error: std::str::Utf8Error) -> Self {
        let source = SourceFile::new(name, String::from_utf8_lossy(bytes));
        let at = error.valid_up_to();
        let byte = bytes.get(at).copied().unwrap_or_default();
        let problem = format!("found the byte 0x{byte:02x}, which is no text");
        let fault = Diagnostic::new(source.location(at..at + 1), "", problem);
        Self::new(ConfigError::from(fault.expecting("a file in UTF-8")), source)
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.faults.fmt(f)
    }
}

/// Omits the text of the file, which may contain a secret.
impl fmt::Debug for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentError").field("faults", &self.faults).finish_non_exhaustive()
    }
}

impl std::error::Error for DocumentError {}
