//! Which route a request took, told to whoever stands outside the router.

use super::metrics::{RequestMetrics, RouteMetrics};
use axum::extract::MatchedPath;
use http::Request;
use parking_lot::Mutex;
use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Arc, OnceLock, Weak},
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    /// Set by the router's inside, read by the record around it: also when the answer never comes.
    pub(super) static TAKEN: RefCell<Option<Taken>>;
}

/// Which route it is, as somebody inside found out; who is innermost has the last word.
#[derive(Debug)]
pub(super) enum Taken {
    Known(Arc<Route>),
    /// By a router that this server knows nothing of; its layer remembers the route once it is known.
    Named(MatchedPath, Arc<OnceLock<Arc<Route>>>),
}

impl Taken {
    /// The route itself; `any` is one of the server's. `None` where the server is gone.
    pub(super) fn route(self, any: &Route) -> Option<Arc<Route>> {
        let (path, remembered) = match self {
            Self::Known(route) => return Some(route),
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

/// The name under which requests count that no route took.
pub(super) const UNMATCHED: &str = "unmatched";

/// More routes than any app has; what is beyond shares one series.
const MOST: usize = 4096;

/// A route, by its pattern, and its metrics.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: Box<str>,
    pub(super) metrics: RouteMetrics,
    /// Among these it is.
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
}

impl Routes {
    pub(super) fn new(metrics: RequestMetrics) -> Self {
        let known = Arc::new_cyclic(|own| Known { metrics, routes: Mutex::default(), own: Weak::clone(own) });
        let unmatched = Arc::new(known.make(UNMATCHED));
        Self { known, unmatched }
    }

    pub(super) fn unmatched(&self) -> &Arc<Route> {
        &self.unmatched
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
/// A router that is [nested](axum::Router::nest) or merged is a part of the one around it, and its routes have their names.
/// One that is put in by `nest_service`, `route_service` or `fallback_service` is a service like any other, of which the
/// server sees nothing: its requests count as `unmatched`. With this layer on it (`Router::layer`), they count, and stand in
/// the log, under their whole patterns, the prefix included. Elsewhere than inside `serve` it does nothing.
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

impl<S> Layer<S> for RouteNames {
    type Service = NamedRoute<S>;

    fn layer(&self, inner: S) -> NamedRoute<S> {
        NamedRoute { inner, mine: Arc::default() }
    }
}

/// A service on a route that has a name. See [`RouteNames`].
#[derive(Clone, Debug)]
pub struct NamedRoute<S> {
    inner: S,
    mine: Arc<OnceLock<Arc<Route>>>,
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
        if let Some(path) = request.extensions().get::<MatchedPath>() {
            let taken = || Taken::Named(path.clone(), Arc::clone(&self.mine));
            let _ = TAKEN.try_with(|slot| *slot.borrow_mut() = Some(taken()));
        }
        self.inner.call(request)
    }
}

impl<S> Layer<S> for Routes {
    type Service = OnRoute<S>;

    fn layer(&self, inner: S) -> OnRoute<S> {
        OnRoute { inner, routes: self.clone(), mine: Arc::default() }
    }
}

/// A service on a route. The router makes one for each, so that a route is looked up once and then known.
#[derive(Clone, Debug)]
pub(super) struct OnRoute<S> {
    inner: S,
    routes: Routes,
    mine: Arc<OnceLock<Arc<Route>>>,
}

impl<S> OnRoute<S> {
    fn route(&self, path: &MatchedPath) -> Arc<Route> {
        let mine = self.mine.get_or_init(|| self.routes.known.find(path.as_str()));
        // One service can stand on several routes.
        if &*mine.name == path.as_str() { Arc::clone(mine) } else { self.routes.known.find(path.as_str()) }
    }
}

impl<S, B> Service<Request<B>> for OnRoute<S>
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
        if let Some(path) = request.extensions().get::<MatchedPath>() {
            // Without a record around it, nobody asks.
            let _ = TAKEN.try_with(|taken| *taken.borrow_mut() = Some(Taken::Known(self.route(path))));
        }
        self.inner.call(request)
    }
}
