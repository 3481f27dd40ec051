//! What must hold between the parts of the file.

mod ejection;
mod listeners;
mod reach;
mod references;
mod routes;

use super::outline::Outline;
use plimsoll::config::{Fault, Faults};

/// Everything that is wrong between the parts.
pub(super) fn faults(outline: &Outline) -> Vec<Fault> {
    let mut faults = Vec::new();
    listeners::collisions(outline, &mut faults);
    references::unknown(outline, &mut faults);
    routes::unreachable(outline, &mut faults);
    faults
}

/// What does no harm but can hardly be meant, in the order of the file. Worth asking only where nothing is wrong.
pub(super) fn warnings(outline: &Outline) -> Vec<Fault> {
    let mut warnings = Vec::new();
    references::unused(outline, &mut warnings);
    routes::none(outline, &mut warnings);
    reach::unreached(outline, &mut warnings);
    listeners::loops(outline, &mut warnings);
    ejection::overridden(outline, &mut warnings);
    Faults::check(warnings).err().into_iter().flatten().collect()
}
