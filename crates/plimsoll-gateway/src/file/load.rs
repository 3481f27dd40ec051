//! Reading the file.

use super::{DocumentError, LoadError, root::Root};
use crate::spec::GatewaySpec;
use plimsoll::config::{ConfigError, Diagnostic, Document, Env, SourceFile};
use std::{fmt, path::Path};

/// A gateway that can be run, and what is odd about its file.
#[derive(Clone)]
pub struct Loaded {
    /// The specification.
    pub spec: GatewaySpec,
    /// Warnings in the order of the file: harmless, but hardly meant (a policy that no route uses).
    pub warnings: Vec<Diagnostic>,
    source: SourceFile,
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
/// If it cannot be read (a directory and a file beyond [`MOST_BYTES`](super::MOST_BYTES) cannot), or with everything
/// that is wrong in it.
pub fn load(path: &Path, env: Env<'_>) -> Result<Loaded, LoadError> {
    Ok(of(&Document::load(path)?, env)?)
}

/// Reads a text as a file would be; `name` is what faults call it.
///
/// # Errors
/// With everything that is wrong in it.
pub fn parse(name: &str, text: &str, env: Env<'_>) -> Result<Loaded, DocumentError> {
    of(&Document::of_text(name, text)?, env)
}

fn of(document: &Document, env: Env<'_>) -> Result<Loaded, DocumentError> {
    let read = document.read(env);
    let Root { spec, warnings } =
        read.map_err(|faults| DocumentError::new(explained(faults), document.source().clone()))?;
    Ok(Loaded { spec, warnings, source: document.source().clone() })
}

/// Keys of TLS, as other proxies have them.
const OF_TLS: [&str; 8] =
    ["tls", "ssl", "https", "certificate", "certificates", "cert", "tls-cert", "tls-key"];

/// The same, where a key is asked for that will be and is not yet.
fn explained(faults: ConfigError) -> ConfigError {
    let explain = |fault: Diagnostic| {
        let is_tls = OF_TLS.iter().any(|key| fault.problem() == format!("unknown key {key:?}"));
        if !is_tls {
            return fault;
        }
        let problem = "`tls` is not there yet: the gateway speaks plain HTTP on both sides";
        let instead = "a TLS terminator in front of the gateway, and endpoints without TLS";
        Diagnostic::new(fault.location().clone(), fault.path(), problem).expecting(instead)
    };
    let explained: Vec<Diagnostic> = faults.iter().cloned().map(explain).collect();
    ConfigError::check(explained).err().unwrap_or(faults)
}

/// A fault that does no harm, as compilers show it.
fn render_warning(warning: &Diagnostic, source: &SourceFile) -> String {
    let rendered = warning.render(source);
    rendered.strip_prefix("error:").map_or_else(|| rendered.clone(), |rest| format!("warning:{rest}"))
}
