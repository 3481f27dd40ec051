//! Ejection against the panic threshold.

use super::super::lenient::{LenientFile, Upstream};
use plimsoll::{
    config::Diagnostic,
    policy::{ejection::EjectionSpec, endpoints::EndpointsSpec, units::Ratio},
};

/// Upstreams that may eject so many endpoints that the rest is below the panic threshold: then all are asked, the ejected
/// ones too.
pub(super) fn overridden(file: &LenientFile, warnings: &mut Vec<Diagnostic>) {
    let upstreams = file.upstreams.get().map(|upstreams| upstreams.entries.iter());
    warnings.extend(upstreams.into_iter().flatten().filter_map(|(_, upstream)| warning(upstream)));
}

fn warning(upstream: &Upstream) -> Option<Diagnostic> {
    let endpoints = upstream.endpoints.get()?.iter().count();
    let ejection = match upstream.ejection.known().ok()? {
        Some(off_or_set) => off_or_set.as_ref()?.at_most,
        None => EjectionSpec::default().at_most,
    };
    let panic = upstream.panic.known().ok()?.copied().unwrap_or(EndpointsSpec::PANIC_THRESHOLD);
    let out = most_out(ejection, endpoints);
    let left = endpoints - out;
    // What is exact in the file is not in binary.
    if out == 0 || left as f64 / endpoints as f64 >= panic.get() - 1e-9 {
        return None;
    }
    let problem = format!(
        "ejection may leave out {out} of {endpoints} endpoints (\"at-most\" is {ejection}), but below a \
         \"panic-threshold\" of {panic} all of them are asked, the ejected ones too"
    );
    let expected =
        format!("a \"panic-threshold\" of at most {}%, or a smaller \"at-most\"", left * 100 / endpoints);
    Some(upstream.spot.fault(problem).expecting(expected))
}

/// One may always be out, unless it is the only one.
fn most_out(at_most: Ratio, endpoints: usize) -> usize {
    let part = at_most.get() * endpoints as f64 + 1e-9;
    (part as usize).max(1).min(endpoints.saturating_sub(1))
}
