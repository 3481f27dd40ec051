//! Which route a request takes: the most specific one.
//!
//! Host before path before method before headers: an exact host wins over a pattern, a longer pattern over a shorter
//! one, any host given over none; then the longer path; then a route for this method over one for all; then the one
//! that asks for more headers. Of two that are alike the first in the file wins.
//!
//! A lookup hashes the host once and then walks the few routes of that host, longest path first. No allocation.

use crate::spec::{HostPattern, RouteSpec};
use http::Method;
use plimsoll::driver::Fields;
use std::{cmp::Reverse, collections::HashMap};

/// The parts of a request that choose its route.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a, F> {
    /// Without port, in any case; empty if the request has none.
    pub host: &'a str,
    /// Without dot segments.
    pub path: &'a str,
    /// The method.
    pub method: &'a Method,
    /// The fields.
    pub fields: &'a F,
}

/// Routes in the order of their specificity. `T` is what a route leads to.
#[derive(Debug)]
pub struct RouteTable<T> {
    exact: HashMap<Box<str>, Vec<Entry<T>>>,
    /// Longest pattern first.
    below: Vec<(Box<str>, Vec<Entry<T>>)>,
    any: Vec<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    spec: RouteSpec,
    target: T,
}

impl<T> RouteTable<T> {
    /// Puts the routes in order.
    pub fn new(routes: impl IntoIterator<Item = (RouteSpec, T)>) -> Self {
        let mut table = Self { exact: HashMap::new(), below: Vec::new(), any: Vec::new() };
        for (spec, target) in routes {
            let group = match &spec.host {
                None => &mut table.any,
                Some(HostPattern::Exact(host)) => table.exact.entry(host.clone()).or_default(),
                Some(HostPattern::Below(host)) => {
                    let found = table.below.iter().position(|(pattern, _)| pattern == host);
                    let at = found.unwrap_or_else(|| {
                        table.below.push((host.clone(), Vec::new()));
                        table.below.len() - 1
                    });
                    &mut table.below[at].1
                }
            };
            group.push(Entry { spec, target });
        }
        table.below.sort_by_key(|(pattern, _)| Reverse(pattern.len()));
        let groups = table.exact.values_mut().chain(table.below.iter_mut().map(|(_, group)| group));
        for group in groups.chain([&mut table.any]) {
            // Stable: of two that are alike the first stays first.
            group.sort_by_key(|entry| Reverse(specificity(&entry.spec)));
        }
        table
    }

    /// Returns whether any route is for some hosts alone.
    pub fn asks_for_hosts(&self) -> bool {
        !self.exact.is_empty() || !self.below.is_empty()
    }

    /// The most specific route that takes the request.
    pub fn find(&self, subject: &Subject<'_, impl Fields>) -> Option<&T> {
        if !self.asks_for_hosts() {
            return first(&self.any, subject);
        }
        let lower;
        let host = if subject.host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            lower = subject.host.to_ascii_lowercase();
            &lower
        } else {
            subject.host
        };
        let exact = self.exact.get(host);
        let below = self.below.iter().filter(|(pattern, _)| is_below(host, pattern)).map(|(_, group)| group);
        let mut groups = exact.into_iter().chain(below).chain([&self.any]);
        groups.find_map(|group| first(group, subject))
    }

    /// Every route with what it leads to, in no order that matters.
    pub fn iter(&self) -> impl Iterator<Item = (&RouteSpec, &T)> {
        let groups = self.exact.values().chain(self.below.iter().map(|(_, group)| group)).chain([&self.any]);
        groups.flatten().map(|entry| (&entry.spec, &entry.target))
    }
}

/// The first of a host's routes that takes the request.
fn first<'t, T>(group: &'t [Entry<T>], subject: &Subject<'_, impl Fields>) -> Option<&'t T> {
    group.iter().find(|entry| takes(&entry.spec, subject)).map(|entry| &entry.target)
}

fn specificity(spec: &RouteSpec) -> (usize, bool, usize) {
    (spec.path.as_str().len(), !spec.methods.is_empty(), spec.headers.len())
}

fn is_below(host: &str, pattern: &str) -> bool {
    host.strip_suffix(pattern).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
}

fn takes(spec: &RouteSpec, subject: &Subject<'_, impl Fields>) -> bool {
    spec.path.rest(subject.path).is_some()
        && (spec.methods.is_empty() || spec.methods.contains(subject.method))
        && spec
            .headers
            .iter()
            .all(|(name, value)| subject.fields.values_of(name).any(|have| have == value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn route(name: &str, host: Option<&str>, path: &str) -> (RouteSpec, String) {
        let spec = RouteSpec {
            name: name.into(),
            host: host.map(|host| host.parse().unwrap()),
            path: path.parse().unwrap(),
            methods: Vec::new(),
            headers: Vec::new(),
            rewrite: None,
            upstream: "orders".try_into().unwrap(),
            policy: None,
        };
        (spec, name.to_owned())
    }

    fn find<'t>(table: &'t RouteTable<String>, host: &str, path: &str) -> Option<&'t str> {
        let headers = HeaderMap::new();
        let subject = Subject { host, path, method: &Method::GET, fields: &headers };
        table.find(&subject).map(String::as_str)
    }

    #[test]
    fn the_most_specific_wins() {
        let table = RouteTable::new([
            route("all", None, "/"),
            route("reports", None, "/reports/"),
            route("shop", Some("shop.example"), "/"),
            route("below", Some("*.example"), "/"),
            route("deeper", Some("*.shop.example"), "/"),
        ]);
        assert_eq!(find(&table, "", "/x"), Some("all"));
        assert_eq!(find(&table, "other.org", "/reports/7"), Some("reports"));
        assert_eq!(find(&table, "SHOP.example", "/reports/7"), Some("shop"));
        assert_eq!(find(&table, "a.example", "/"), Some("below"));
        assert_eq!(find(&table, "a.shop.example", "/"), Some("deeper"));
        assert_eq!(find(&table, ".example", "/"), Some("all"));
    }

    #[test]
    fn a_host_whose_routes_do_not_fit_falls_through() {
        let table =
            RouteTable::new([route("shop", Some("shop.example"), "/cart"), route("all", None, "/api")]);
        assert_eq!(find(&table, "shop.example", "/api"), Some("all"));
        assert_eq!(find(&table, "shop.example", "/other"), None);
    }

    #[test]
    fn methods_and_headers_decide_between_equal_paths() {
        let (mut posts, posts_name) = route("posts", None, "/a");
        posts.methods = vec![Method::POST];
        let (mut beta, beta_name) = route("beta", None, "/a");
        beta.headers = vec![("x-beta".parse().unwrap(), "1".parse().unwrap())];
        let table = RouteTable::new([route("plain", None, "/a"), (beta, beta_name), (posts, posts_name)]);
        let mut headers = HeaderMap::new();
        let find = |method: &Method, headers: &HeaderMap| {
            table.find(&Subject { host: "", path: "/a", method, fields: headers }).cloned()
        };
        assert_eq!(find(&Method::GET, &headers).as_deref(), Some("plain"));
        assert_eq!(find(&Method::POST, &headers).as_deref(), Some("posts"));
        headers.insert("x-beta", "1".parse().unwrap());
        assert_eq!(find(&Method::GET, &headers).as_deref(), Some("beta"));
    }

    #[test]
    fn of_two_alike_the_first_wins() {
        let table = RouteTable::new([route("first", None, "/a"), route("second", None, "/a")]);
        assert_eq!(find(&table, "", "/a"), Some("first"));
    }
}
