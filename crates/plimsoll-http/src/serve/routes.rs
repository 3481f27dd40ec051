//! Which route a request took, told to whoever stands outside the router.

use super::metrics::{RequestMetrics, RouteMetrics};
use axum::extract::MatchedPath;
use http::Request;
use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    /// Set by the router's inside, read by the record around it: also when the answer never comes.
    pub(super) static TAKEN: RefCell<Option<Arc<Route>>>;
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
}

/// The routes that have been taken so far.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    metrics: RequestMetrics,
    known: Arc<Mutex<HashMap<Box<str>, Arc<Route>>>>,
    unmatched: Arc<Route>,
}

impl Routes {
    pub(super) fn new(metrics: RequestMetrics) -> Self {
        let unmatched = Arc::new(Route { name: UNMATCHED.into(), metrics: metrics.route(UNMATCHED) });
        Self { metrics, known: Arc::default(), unmatched }
    }

    pub(super) fn unmatched(&self) -> &Arc<Route> {
        &self.unmatched
    }

    /// Takes a lock: each route's service asks once.
    fn find(&self, name: &str) -> Arc<Route> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = known.get(name) {
            return Arc::clone(route);
        }
        let metrics = self.metrics.route(name);
        let route = Arc::new(Route { name: name.into(), metrics });
        if known.len() < MOST {
            known.insert(name.into(), Arc::clone(&route));
        }
        route
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
        let mine = self.mine.get_or_init(|| self.routes.find(path.as_str()));
        // One service can stand on several routes.
        if &*mine.name == path.as_str() { Arc::clone(mine) } else { self.routes.find(path.as_str()) }
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
            let _ = TAKEN.try_with(|taken| *taken.borrow_mut() = Some(self.route(path)));
        }
        self.inner.call(request)
    }
}
