//! Checks between the parts of the file.

mod ejection;
mod listeners;
mod reach;
mod references;
mod routes;

use super::lenient::LenientFile;
use plimsoll::config::{ConfigError, Diagnostic};

/// Returns the faults between the parts.
pub(super) fn faults(file: &LenientFile) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    listeners::collisions(file, &mut faults);
    references::unknown(file, &mut faults);
    routes::unreachable(file, &mut faults);
    faults
}

/// Returns warnings in the order of the file: harmless, but hardly meant. Call it only on a file without faults.
pub(super) fn warnings(file: &LenientFile) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    references::unused(file, &mut warnings);
    routes::none(file, &mut warnings);
    reach::unreached(file, &mut warnings);
    listeners::loops(file, &mut warnings);
    ejection::overridden(file, &mut warnings);
    ConfigError::check(warnings).err().into_iter().flatten().collect()
}
