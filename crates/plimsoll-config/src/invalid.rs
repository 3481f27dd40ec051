//! Why nothing is to be had from a file.

use crate::{Fault, Faults, Source};
use std::{fmt, io, path::PathBuf};

/// Why a file could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was read and is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// Everything that is wrong with a file, and its text to show it in.
///
/// `Display` is one line a fault and quotes nothing but the faulty words; [`Invalid::render`] shows whole lines.
#[derive(Clone)]
pub struct Invalid {
    faults: Faults,
    source: Source,
}

impl Invalid {
    /// These faults of this text.
    pub fn new(faults: Faults, source: Source) -> Self {
        Self { faults, source }
    }

    /// Every fault, in the order of the file.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Every fault with its line and a caret, as compilers show it.
    pub fn render(&self) -> String {
        self.faults.render(&self.source)
    }

    /// A file that is not UTF-8, at its first wrong byte.
    pub(super) fn no_text(name: &str, bytes: &[u8], error: std::str::Utf8Error) -> Self {
        let source = Source::new(name, String::from_utf8_lossy(bytes));
        let at = error.valid_up_to();
        let byte = bytes.get(at).copied().unwrap_or_default();
        let problem = format!("found the byte 0x{byte:02x}, which is no text");
        let fault = Fault::new(source.place(at..at + 1), "", problem);
        Self::new(Faults::from(fault.expecting("a file in UTF-8")), source)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.faults.fmt(f)
    }
}

/// Without the text of the file, in which someone may have written a secret.
impl fmt::Debug for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invalid").field("faults", &self.faults).finish_non_exhaustive()
    }
}

impl std::error::Error for Invalid {}
