//! Reading the file.

use super::{Invalid, LoadError, error::render_warning, whole::Whole};
use crate::spec::GatewaySpec;
use plimsoll::file::{Document, Env, Fault, Faults, Source};
use std::{fmt, fs::File, io, io::Read, path::Path};

/// The most bytes that a file may have; more is no file that anyone wrote.
pub const MOST_BYTES: u64 = 16 << 20;

/// A gateway that can be run, and what is odd about its file.
#[derive(Clone)]
pub struct Loaded {
    /// What the gateway is told.
    pub spec: GatewaySpec,
    /// What does no harm but can hardly be meant (a policy that no route uses), in the order of the file.
    pub warnings: Vec<Fault>,
    source: Source,
}

impl Loaded {
    /// Every warning with its line and a caret, an empty line between; empty if there is none.
    pub fn render_warnings(&self) -> String {
        let rendered = self.warnings.iter().map(|warning| render_warning(warning, &self.source));
        rendered.collect::<Vec<_>>().join("\n")
    }
}

/// Without the text of the file, in which someone may have written a secret.
impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spec, warnings, source: _ } = self;
        f.debug_struct("Loaded").field("spec", spec).field("warnings", warnings).finish_non_exhaustive()
    }
}

/// Reads a file whole, `${NAME}` in its texts replaced by what `env` has for `NAME`. Blocks while it reads.
///
/// # Errors
/// If it cannot be read (a directory and a file beyond [`MOST_BYTES`] cannot), or with everything that is wrong in it.
pub fn load(path: &Path, env: Env<'_>) -> Result<Loaded, LoadError> {
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
    let text =
        String::from_utf8(bytes).map_err(|error| no_text(&name, error.as_bytes(), error.utf8_error()))?;
    Ok(parse(&name, &text, env)?)
}

/// Reads a text as a file would be; `name` is what faults call it.
///
/// # Errors
/// With everything that is wrong in it.
pub fn parse(name: &str, text: &str, env: Env<'_>) -> Result<Loaded, Invalid> {
    let document =
        Document::parse(name, text).map_err(|faults| Invalid::new(faults, Source::new(name, text)))?;
    match document.read::<Whole>(env) {
        Ok(Whole { spec, warnings }) => Ok(Loaded { spec, warnings, source: document.source().clone() }),
        Err(faults) => Err(Invalid::new(faults, document.source().clone())),
    }
}

/// The fault of a file that is not UTF-8, at its first wrong byte.
fn no_text(name: &str, bytes: &[u8], error: std::str::Utf8Error) -> Invalid {
    let source = Source::new(name, String::from_utf8_lossy(bytes));
    let at = error.valid_up_to();
    let byte = bytes.get(at).copied().unwrap_or_default();
    let fault =
        Fault::new(source.place(at..at + 1), "", format!("found the byte 0x{byte:02x}, which is no text"));
    Invalid::new(Faults::from(fault.expecting("a file in UTF-8")), source)
}
