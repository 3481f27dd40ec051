//! The routes whose patterns are paths.

use super::routes::Route;
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

/// Places for routes. An app with more of them than find one is served all the same.
const PLACES: usize = 1024;

/// The number of places that one path may have.
const PROBES: usize = 8;

/// The routes that have been taken by a path that is their whole pattern.
///
/// The router always takes such a path to the same route, so that from the second request on the path tells it. There are
/// no more of them than the app has routes, whatever is asked for.
pub(super) struct PlainRoutes {
    places: Box<[OnceLock<Arc<Route>>]>,
    hasher: ahash::RandomState,
}

impl Default for PlainRoutes {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| OnceLock::new()).collect(), hasher: ahash::RandomState::new() }
    }
}

impl PlainRoutes {
    /// Returns the route that this path is known to take. Takes no lock.
    #[inline]
    pub(super) fn get(&self, path: &str) -> Option<&Arc<Route>> {
        self.places(path).map_while(OnceLock::get).find(|route| &*route.name == path)
    }

    /// Remembers the route that a path has taken.
    #[inline]
    pub(super) fn learn(&self, path: &str, route: &Arc<Route>) {
        if &*route.name == path {
            self.put(path, route);
        }
    }

    #[cold]
    fn put(&self, path: &str, route: &Arc<Route>) {
        for place in self.places(path) {
            if &*place.get_or_init(|| Arc::clone(route)).name == path {
                return;
            }
        }
    }

    fn places(&self, path: &str) -> impl Iterator<Item = &OnceLock<Arc<Route>>> {
        let first = self.hasher.hash_one(path) as usize;
        (0..PROBES).map(move |probe| &self.places[first.wrapping_add(probe) % PLACES])
    }
}

impl fmt::Debug for PlainRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.places.iter().filter(|place| place.get().is_some()).count();
        f.debug_struct("PlainRoutes").field("known", &known).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{metrics::RequestMetrics, routes::Routes},
        *,
    };
    use plimsoll_telemetry::Registry;

    #[test]
    fn a_path_is_known_where_it_is_the_whole_pattern() {
        let routes = Routes::new(RequestMetrics::new(&Registry::new()).unwrap());
        let plain = PlainRoutes::default();
        let (orders, order) = (routes.named("/orders"), routes.named("/orders/{id}"));
        assert!(plain.get("/orders").is_none(), "nobody has taken it");
        plain.learn("/orders", &orders);
        plain.learn("/orders", &orders);
        plain.learn("/orders/7", &order);
        assert!(Arc::ptr_eq(plain.get("/orders").unwrap(), &orders));
        assert!(plain.get("/orders/7").is_none() && plain.get("/orders/{id}").is_none());
        assert_eq!(format!("{plain:?}"), "PlainRoutes { known: 1, .. }");
    }

    #[test]
    fn more_routes_than_places_are_no_harm() {
        let routes = Routes::new(RequestMetrics::new(&Registry::new()).unwrap());
        let plain = PlainRoutes::default();
        let names: Vec<_> = (0..2 * PLACES).map(|number| format!("/{number}")).collect();
        for name in &names {
            plain.learn(name, &routes.named(name));
        }
        let known = names.iter().filter_map(|name| Some((name, plain.get(name)?)));
        let known: Vec<_> = known.map(|(name, route)| assert_eq!(**name, *route.name)).collect();
        assert!(known.len() > PLACES / 2 && known.len() <= PLACES, "{}", known.len());
    }
}
