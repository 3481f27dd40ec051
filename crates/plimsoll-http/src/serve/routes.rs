//! The route of a request, for layers outside of the router.

use super::{
    metrics::{RequestMetrics, RouteMetrics},
    noted,
};
use crate::boundary::RouteName;
use axum::extract::MatchedPath;
use http::{Request, StatusCode};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::{Arc, Once, OnceLock, Weak},
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// The route of a request, as the layers inside found it; the innermost has the last word.
#[derive(Debug)]
pub(super) enum Taken {
    Known(Arc<Route>),
    /// By a router that this server knows nothing of; its layer remembers the route once it is known.
    Named(MatchedPath, Arc<OnceLock<Arc<Route>>>),
    /// By a service without a route's name: a fallback, or a router put in as a service.
    Nameless,
    /// The same, and the service says that it has no routes.
    Single,
}

impl Taken {
    /// Its name, for what goes wrong on it. Empty where there is none.
    pub(super) fn name(&self) -> RouteName {
        match self {
            Self::Known(route) => RouteName::Known(Arc::clone(&route.name)),
            Self::Named(path, _) => RouteName::Matched(path.clone()),
            Self::Nameless | Self::Single => RouteName::Unknown,
        }
    }

    /// The route itself; `any` is one of the server's. `None` where the server is gone.
    pub(super) fn route(self, any: &Route) -> Option<Arc<Route>> {
        let (path, remembered) = match self {
            Self::Known(route) => return Some(route),
            Self::Nameless | Self::Single => return None,
            Self::Named(path, remembered) => (path, remembered),
        };
        let found = || any.known.upgrade().map(|known| known.find(path.as_str()));
        if let Some(route) = remembered.get() {
            // One service can stand on several routes, and one router in several servers.
            if &*route.name == path.as_str() && route.known.ptr_eq(&any.known) {
                return Some(Arc::clone(route));
            }
            return found();
        }
        found().map(|route| Arc::clone(remembered.get_or_init(|| route)))
    }
}

/// The name of requests that no route took.
pub(super) const UNMATCHED: &str = "unmatched";

/// More routes than any app has; those beyond share one series.
const MOST: usize = 4096;

/// A route, by its pattern, and its metrics.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: Arc<str>,
    pub(super) metrics: RouteMetrics,
    /// The routes that it is one of.
    known: Weak<Known>,
}

/// The routes that have been taken so far.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    known: Arc<Known>,
    unmatched: Arc<Route>,
}

#[derive(Debug)]
struct Known {
    metrics: RequestMetrics,
    routes: Mutex<HashMap<Box<str>, Arc<Route>>>,
    own: Weak<Self>,
    /// Whether the log has said that a service answers whose routes have no names.
    nameless: Once,
}

impl Routes {
    pub(super) fn new(metrics: RequestMetrics) -> Self {
        let known = Arc::new_cyclic(|own| Known {
            metrics,
            routes: Mutex::default(),
            own: Weak::clone(own),
            nameless: Once::new(),
        });
        let unmatched = Arc::new(known.make(UNMATCHED));
        Self { known, unmatched }
    }

    /// Returns the route of a request that matched this path, or none, in the server's own router. `found` keeps it.
    pub(super) fn taken(&self, path: Option<&MatchedPath>, found: &OnceLock<Arc<Route>>) -> Taken {
        let Some(path) = path.map(MatchedPath::as_str) else { return Taken::Nameless };
        let route = found.get_or_init(|| self.known.find(path));
        // One service can stand on several routes.
        Taken::Known(if &*route.name == path { Arc::clone(route) } else { self.known.find(path) })
    }

    /// Returns the route of this name.
    #[cfg(test)]
    pub(super) fn named(&self, name: &str) -> Arc<Route> {
        self.known.find(name)
    }

    pub(super) fn unmatched(&self) -> &Arc<Route> {
        &self.unmatched
    }

    /// A request was answered. Logs, once for each server, that a service answers whose routes have no names, so that all
    /// its requests count as one.
    pub(super) fn answered(&self, taken: Option<&Taken>, status: StatusCode) {
        let answers = !matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
        if matches!(taken, Some(Taken::Nameless)) && answers {
            self.known.nameless.call_once(|| {
                tracing::warn!(
                    "a service put in by nest_service, route_service or fallback_service answers, and its requests count \
                     as `unmatched`: nest its router by Router::nest, or put plimsoll's RouteNames on it"
                );
            });
        }
    }
}

impl Known {
    fn make(&self, name: &str) -> Route {
        Route { name: name.into(), metrics: self.metrics.route(name), known: Weak::clone(&self.own) }
    }

    /// Takes a lock: each route's service asks once.
    fn find(&self, name: &str) -> Arc<Route> {
        let mut routes = self.routes.lock();
        if let Some(route) = routes.get(name) {
            return Arc::clone(route);
        }
        let route = Arc::new(self.make(name));
        if routes.len() < MOST {
            routes.insert(name.into(), Arc::clone(&route));
        }
        route
    }
}

/// Names the routes of a router that stands inside another as a service.
///
/// A router that is [nested](axum::Router::nest) or merged is a part of the one around it, and its routes have their
/// names. One that is put in by `nest_service`, `route_service` or `fallback_service` is a service like any other, of
/// which the server sees nothing: its requests count as `unmatched`, and the first of them that is answered is a
/// warning in the log. With this layer on it (`Router::layer`), they count, and stand in the log, under their whole
/// patterns, the prefix included. On a service without routes the layer says that `unmatched` is meant; a folder of
/// files (`files::Files`) needs none. Elsewhere than inside `serve` it does nothing.
///
/// ```
/// use axum::{Router, routing::get};
/// use plimsoll_http::serve::RouteNames;
///
/// let orders: Router = Router::new().route("/{id}", get(|| async { "order" })).layer(RouteNames);
/// let app: Router = Router::new().nest_service("/orders", orders); // counts as /orders/{id}
/// # let _ = app;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RouteNames;

/// Says that the request is for a service without routes.
pub(crate) fn single() {
    noted::route(|| Taken::Single);
}

impl<S> Layer<S> for RouteNames {
    type Service = NamedRoute<S>;

    fn layer(&self, inner: S) -> NamedRoute<S> {
        NamedRoute { inner, found: Arc::default() }
    }
}

/// A service on a route that has a name. The router makes one for each, so that a route is looked up once and then known.
/// See [`RouteNames`].
#[derive(Clone, Debug)]
pub struct NamedRoute<S> {
    inner: S,
    found: Arc<OnceLock<Arc<Route>>>,
}

impl<S, B> Service<Request<B>> for NamedRoute<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        noted::route(|| match request.extensions().get::<MatchedPath>() {
            Some(path) => Taken::Named(path.clone(), Arc::clone(&self.found)),
            None => Taken::Single,
        });
        self.inner.call(request)
    }
}
