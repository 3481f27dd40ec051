//! Names: each that is used is there, and each that is there is used.

use super::super::lenient::{LenientFile, Named, Part, Route};
use crate::spec::{DEFAULT_POLICY, Name};
use plimsoll::config::{Diagnostic, Located, nearest};

/// The most names that a fault lists.
const LISTED: usize = 8;

fn routes(file: &LenientFile) -> impl Iterator<Item = &Route> {
    file.routes.get().into_iter().flat_map(|routes| &routes.0)
}

/// The names that are there; `None` where the file is too wrong to tell.
fn names<T>(named: &Part<Named<T>>) -> Option<Vec<&str>> {
    let named = named.known().ok()?;
    if named.is_some_and(|named| !named.table) {
        return None;
    }
    Some(named.map(|named| named.entries.iter().map(|(name, _)| &**name).collect()).unwrap_or_default())
}

/// Routes that name what is not there.
pub(super) fn unknown(file: &LenientFile, faults: &mut Vec<Diagnostic>) {
    let (upstreams, policies) = (names(&file.upstreams), names(&file.policies));
    for route in routes(file) {
        if let (Some(names), Some(name)) = (&upstreams, route.upstream.get()) {
            faults.extend(refused(name, "upstream", names));
        }
        if let (Some(names), Some(name)) = (&policies, route.policy.get()) {
            faults.extend(refused(name, "policy", names));
        }
    }
}

fn refused(name: &Located<Name>, kind: &str, names: &[&str]) -> Option<Diagnostic> {
    if names.contains(&name.as_str()) {
        return None;
    }
    let expected = match names {
        [] => format!("a table [{kind}.NAME] of that name"),
        names if names.len() > LISTED => format!("one of the {} names of [{kind}.NAME]", names.len()),
        names => plimsoll::config::one_of(names),
    };
    // What is near to a name from the environment would tell something of it.
    let written = name.shown() == format!("{:?}", name.as_str());
    let near = nearest(name.as_str(), names.iter().copied()).filter(|_| written);
    let problem = format!("no {kind} is called {}", name.shown());
    Some(name.fault(problem).expecting(expected).nearest_to(near))
}

/// Upstreams and policies that no route names.
pub(super) fn unused(file: &LenientFile, warnings: &mut Vec<Diagnostic>) {
    let used = |of: fn(&Route) -> &Part<Located<Name>>, name: &str| {
        routes(file).filter_map(|route| of(route).get()).any(|used| used.as_str() == name)
    };
    for (name, upstream) in file.upstreams.get().into_iter().flat_map(|named| &named.entries) {
        if !used(|route| &route.upstream, name) {
            let fault = upstream.spot.fault(format!("no route leads to the upstream {name:?}"));
            warnings.push(fault.expecting("a route with this upstream, or no such upstream"));
        }
    }
    let implied = routes(file).any(|route| matches!(route.policy, Part::Absent));
    for (name, policy) in file.policies.get().into_iter().flat_map(|named| &named.entries) {
        if !used(|route| &route.policy, name) && (name != DEFAULT_POLICY || !implied) {
            let fault = policy.spot.fault(format!("no route has the policy {name:?}"));
            warnings.push(fault.expecting("a route with this policy, or no such policy"));
        }
    }
}
