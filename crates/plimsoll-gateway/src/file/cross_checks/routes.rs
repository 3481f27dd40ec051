//! Routes: each can be reached and told apart.

use super::super::{
    lenient::{LenientFile, Route},
    matching::{Headers, Methods},
    route::made_name,
};
use crate::spec::{HostPattern, PathPrefix};
use http::{HeaderName, HeaderValue, Method};
use plimsoll::config::Diagnostic;

/// The requests that a route matches, in a canonical order.
struct Matching<'o> {
    route: &'o Route,
    host: Option<&'o HostPattern>,
    path: PathPrefix,
    methods: Methods,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// As the route is called.
    name: Box<str>,
}

impl<'o> Matching<'o> {
    /// `None` where something of it is wrong.
    fn of(route: &'o Route) -> Option<Self> {
        let host = route.host.known().ok()?;
        let path = route.path.known().ok()?.cloned().unwrap_or_default();
        let methods = route.methods.known().ok()?.cloned().unwrap_or_default();
        let headers = route.headers.known().ok()?.cloned().unwrap_or_default();
        let name = match route.name.known().ok()? {
            Some(name) => name.0.clone(),
            None => made_name(host, &path, &methods, &headers),
        };
        let Headers(mut headers) = headers;
        headers.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        Some(Self { route, host, path, methods, headers, name })
    }

    /// Whether a request for this method that `other` takes is one that this takes as well, and before it if it stands
    /// before it. Routes for some methods come before those for all, those with more headers before those with fewer:
    /// so only one with the same headers can be in the way.
    fn is_before(&self, other: &Self, method: Option<&Method>) -> bool {
        let methods = match method {
            Some(method) => self.methods.0.contains(method),
            None => self.methods.0.is_empty(),
        };
        methods && self.host == other.host && self.path == other.path && self.headers == other.headers
    }

    /// The earlier route after which nothing is left for this one.
    fn shadowed_by<'m>(&self, earlier: &'m [Self]) -> Option<&'m Self> {
        let first = |method: Option<&Method>| earlier.iter().find(|route| route.is_before(self, method));
        if self.methods.0.is_empty() {
            return first(None);
        }
        let shadows: Option<Vec<_>> = self.methods.0.iter().map(|method| first(Some(method))).collect();
        shadows.and_then(|shadows| shadows.last().copied())
    }
}

/// Routes that can never match, and routes with the name of another.
pub(super) fn unreachable(file: &LenientFile, faults: &mut Vec<Diagnostic>) {
    let routes = file.routes.get().into_iter().flat_map(|routes| &routes.0);
    let routes: Vec<_> = routes.filter_map(Matching::of).collect();
    for (at, route) in routes.iter().enumerate() {
        let earlier = &routes[..at];
        if let Some(shadow) = route.shadowed_by(earlier) {
            let location = shadow.route.spot.location();
            let fault =
                route.route.spot.fault(format!("the route at {location} takes all that this one would"));
            faults.push(fault.expecting("another host, path, method or header"));
        } else if let Some(other) = earlier.iter().find(|other| other.name == route.name) {
            faults.push(same_name(route, other));
        }
    }
}

fn same_name(route: &Matching<'_>, other: &Matching<'_>) -> Diagnostic {
    let location = other.route.spot.location();
    match route.route.name.get() {
        Some(name) => name
            .fault(format!("{} is the name of the route at {location}", name.shown()))
            .expecting("a name of its own"),
        None => route
            .route
            .spot
            .fault(format!("the name made for it is that of the route at {location}"))
            .expecting("a \"name\" of its own"),
    }
}

/// A gateway without a route.
pub(super) fn none(file: &LenientFile, warnings: &mut Vec<Diagnostic>) {
    if file.routes.get().is_none_or(|routes| routes.0.is_empty()) {
        let fault = file.spot.fault("there is no route: every request gets a 404");
        warnings.push(fault.expecting("a [[route]]"));
    }
}
