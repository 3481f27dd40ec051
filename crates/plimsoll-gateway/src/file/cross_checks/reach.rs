//! Routes that no listener lets a request through to.

use super::super::lenient::{LenientFile, Listener, Part, Route};
use crate::spec::{HeaderNames, is_odd};
use http::Method;
use plimsoll::{
    config::Diagnostic,
    http::path::{PathRules, canonical},
};
use std::borrow::Cow;

/// Routes whose path, method or headers every listener refuses, drops or spells otherwise.
pub(super) fn unreached(file: &LenientFile, warnings: &mut Vec<Diagnostic>) {
    let listeners: Vec<&Listener> =
        file.listeners.get().into_iter().flat_map(|listeners| &listeners.0).collect();
    for route in file.routes.get().into_iter().flat_map(|routes| &routes.0) {
        warnings.extend(path(route, &listeners));
        warnings.extend(headers(route, &listeners));
        warnings.extend(methods(route));
    }
}

fn rules(listener: &Listener) -> PathRules {
    match &listener.paths {
        Part::Is(paths) => PathRules::from(paths.clone()),
        Part::Absent | Part::Wrong => PathRules::default(),
    }
}

fn path(route: &Route, listeners: &[&Listener]) -> Option<Diagnostic> {
    let path = route.path.get()?.as_str();
    let reaches = |listener: &&Listener| matches!(canonical(path, rules(listener)), Ok(Cow::Borrowed(_)));
    if listeners.iter().any(reaches) {
        return None;
    }
    let why = match canonical(path, rules(listeners.first()?)) {
        Err(fault) => fault.to_string(),
        Ok(clean) => format!("it comes as {clean:?}"),
    };
    let fault = route.spot.fault(format!("no listener lets a request through to {path:?}: {why}"));
    Some(fault.expecting("another path, or \"paths\" of a listener that lets it pass"))
}

fn headers(route: &Route, listeners: &[&Listener]) -> Option<Diagnostic> {
    let (name, _) = route.headers.get()?.0.iter().find(|(name, _)| is_odd(name.as_str().as_bytes()))?;
    let passes = |listener: &&Listener| {
        listener.header_names.get().is_some_and(|choice| choice.0 == HeaderNames::Pass)
    };
    if listeners.iter().any(passes) {
        return None;
    }
    let fault = route.spot.fault(format!("no listener lets the header {:?} pass", name.as_str()));
    Some(fault.expecting("a name of letters, digits and dashes, or header-names = \"pass\" of a listener"))
}

fn methods(route: &Route) -> Option<Diagnostic> {
    let methods = &route.methods.get()?.0;
    let never = |method: &&Method| [Method::TRACE, Method::CONNECT].contains(method);
    let method = methods.iter().find(never)?;
    Some(route.spot.fault(format!("{method} is refused by every listener")).expecting("other methods"))
}
