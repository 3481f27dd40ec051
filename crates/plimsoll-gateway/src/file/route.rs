//! `[[route]]`.

use super::{
    array_of_tables::Entry,
    matching::{Headers, Label, Methods},
};
use crate::spec::{HostPattern, Name, PathPrefix, RouteSpec};
use plimsoll::config::{Node, Reader, Rules, Schemas, Shape, section};
use serde_json::Value;
use std::{borrow::Cow, fmt::Write};

section! {
    /// Which requests go where, under which policy. The most specific route wins: host, then the longest path, then
    /// methods, then the most headers; of two alike the first.
    pub(super) struct Route {
        /// How it is called in metrics and logs. Left out, it is made of methods, host, path and headers.
        name?: Label,
        /// For this host only, or for all below one: "*.shop.example". Left out, for every host.
        host?: HostPattern,
        /// For paths that begin so, whole segments only: "/reports" covers "/reports/7", not "/reportsX".
        path: PathPrefix = PathPrefix::default(),
        /// For these methods only; an empty list: for all.
        methods: Methods = Methods::default(),
        /// Only where each of these headers has this value.
        headers: Headers = Headers::default(),
        /// The replacement of the path's prefix when the request is forwarded. Left out, the prefix stays.
        rewrite?: PathPrefix,
        /// Where to: an `[upstream.NAME]`.
        upstream: Name,
        /// Under which policy: a `[policy.NAME]`. Left out, under `[policy.default]`, which has every default where the file has none.
        policy?: Name,
    }
}

impl Rules for Route {}

/// The name of a route that was given none: `POST shop.example/cart x-beta`. Values of headers are left out: they may
/// be secret.
pub(super) fn made_name(
    host: Option<&HostPattern>,
    path: &PathPrefix,
    methods: &Methods,
    headers: &Headers,
) -> Box<str> {
    let mut name = String::new();
    for (at, method) in methods.0.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(name, "{comma}{method}");
    }
    if !methods.0.is_empty() {
        name.push(' ');
    }
    if let Some(host) = host {
        let _ = write!(name, "{host}");
    }
    let _ = write!(name, "{path}");
    for (header, _) in &headers.0 {
        let _ = write!(name, " {header}");
    }
    name.into()
}

impl From<Route> for RouteSpec {
    fn from(written: Route) -> Self {
        let Route { name, host, path, methods, headers, rewrite, upstream, policy } = written;
        let name = match name {
            Some(Label(name)) => name,
            None => made_name(host.as_ref(), &path, &methods, &headers),
        };
        Self { name, host, path, methods: methods.0, headers: headers.0, rewrite, upstream, policy }
    }
}

impl From<&RouteSpec> for Route {
    fn from(spec: &RouteSpec) -> Self {
        let RouteSpec { name, host, path, methods, headers, rewrite, upstream, policy } = spec.clone();
        let (methods, headers) = (Methods(methods), Headers(headers));
        // A made name may have blanks, which a given one may not; it is made again when read.
        let given = *name != *made_name(host.as_ref(), &path, &methods, &headers);
        Self { name: given.then_some(Label(name)), host, path, methods, headers, rewrite, upstream, policy }
    }
}

impl Shape for RouteSpec {
    fn expected() -> Cow<'static, str> {
        Route::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        Route::read(node, reader).map(Self::from)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Route::schema(schemas)
    }

    fn write(&self) -> Value {
        Route::from(self).write()
    }
}

impl Entry for RouteSpec {
    const HEADER: &'static str = "[[route]]";
}
