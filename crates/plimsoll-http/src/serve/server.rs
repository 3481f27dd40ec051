use super::{
    AdminToken, Bound, Limits, Listen, LogFilter, ServeError, TimeLimit, admin::Condition, app::Wrapped,
    bound::Settings,
};
use crate::{
    Problem,
    boundary::{BoundaryLayer, OnPanic},
    headers::TrustedProxy,
    inbound::{DeadlineRules, RequestIdLayer, TraceLayer},
};
use axum::{Router, body::Body, response::IntoResponse, routing::Route};
use http::Request;
use plimsoll_policy::units::Ratio;
use plimsoll_task::drain::Drain;
use plimsoll_telemetry::Registry;
use std::{convert::Infallible, fmt};
use tower_layer::Layer;
use tower_service::Service;

/// Serves an axum app with everything on. See the [module](super).
pub fn serve(app: Router) -> Server {
    Server::bare(app).boundary(BoundaryLayer::new())
}

/// Serves any tower service of HTTP requests with everything on: of hyper, of tonic, of one's own.
///
/// Its requests count as one route. Its error is a problem by [`Into<Problem>`].
///
/// ```
/// use axum::body::Body;
/// use http::{Request, Response};
/// use plimsoll_http::serve::service;
/// use tower::service_fn;
///
/// let hello = service_fn(|_: Request<Body>| async {
///     Ok::<_, std::convert::Infallible>(Response::new(Body::from("hello")))
/// });
/// let server = service(hello).on("127.0.0.1:0");
/// # let _ = server;
/// ```
pub fn service<S>(service: S) -> Server
where
    S: Service<Request<Body>> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Error: Into<Problem>,
    S::Future: Send + 'static,
{
    serve(Router::new().fallback_service(Wrapped::new(service)))
}

/// No error boundary is set: what goes wrong in the app would go out as it is.
#[derive(Clone, Copy, Debug)]
pub struct Bare;

/// An error boundary is set.
#[derive(Clone, Debug)]
pub struct Bounded(BoundaryLayer);

/// A server that is yet to run. See the [module](super).
///
/// Its type says whether there is an error boundary; without one it cannot run:
///
/// ```compile_fail,E0599
/// use plimsoll_http::serve::Server;
/// # async fn start() -> Result<(), plimsoll_http::serve::ServeError> {
/// Server::bare(axum::Router::new()).on("127.0.0.1:0").run().await
/// # }
/// ```
///
/// ```no_run
/// use plimsoll_http::{boundary::BoundaryLayer, serve::Server};
/// # async fn start() -> Result<(), plimsoll_http::serve::ServeError> {
/// Server::bare(axum::Router::new()).boundary(BoundaryLayer::new()).on("127.0.0.1:0").run().await
/// # }
/// ```
#[must_use = "a server serves when it is run"]
pub struct Server<B = Bounded> {
    boundary: B,
    settings: Settings,
}

impl Server<Bare> {
    /// A server for this app that has yet to be given its error boundary.
    pub fn bare(app: Router) -> Self {
        Self { boundary: Bare, settings: Settings::new(app) }
    }
}

impl<B> Server<B> {
    /// This error boundary is around the app. The server has it count in its own registry.
    pub fn boundary(self, boundary: BoundaryLayer) -> Server<Bounded> {
        Server { boundary: Bounded(boundary), settings: self.settings }
    }

    /// Listens here, too.
    pub fn on(mut self, listen: impl Into<Listen>) -> Self {
        self.settings.listens.push(listen.into());
        self
    }

    /// Answers `/livez`, `/readyz` and `/metrics` here, and shows and changes the thresholds of the server (`server`) and of
    /// all clients in the process: `/api/v1/policies`, as the gateway does. Beyond loopback that takes an
    /// [`admin_token`](Self::admin_token).
    pub fn admin(mut self, listen: impl Into<Listen>) -> Self {
        self.settings.admin = Some(listen.into());
        self
    }

    /// Requires `authorization: Bearer TOKEN` for everything but `/livez` and `/readyz`.
    pub fn admin_token(mut self, token: AdminToken) -> Self {
        self.settings.token = Some(token);
        self
    }

    /// The admin address shows and changes the levels that are logged by this ([`LogFilter`]). Unless set, by the
    /// [log of the process](plimsoll_telemetry::logs::current) where there is one.
    pub fn log_filter(mut self, filter: LogFilter) -> Self {
        self.settings.log = Some(filter);
        self
    }

    /// Is ready only while this holds: else `/readyz` of the admin answers 503 with the word `otherwise`, and whoever routes
    /// requests sends them elsewhere. It is asked with every probe, and given a second; a response that costs something
    /// should be kept for a while. Requests that come all the same are served.
    ///
    /// For what nothing can be done without. Where all replicas lose the same database at once, all are unready at once,
    /// and clients hear of it from the router instead of from the service.
    pub fn ready_while<F, H>(mut self, otherwise: &'static str, holds: F) -> Self
    where
        F: Fn() -> H + Send + Sync + 'static,
        H: Future<Output = bool> + Send + 'static,
    {
        self.settings.conditions.push(Condition::new(otherwise, holds));
        self
    }

    /// Other limits than the default ones.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Where else than by default callers say how long they wait. [`Limits::total`] is the server's own limit, whatever
    /// stands here.
    pub fn deadlines(mut self, rules: DeadlineRules) -> Self {
        self.settings.deadline = rules;
        self
    }

    /// Believes these proxies' word on whose request it is. Behind a proxy that is not named here all clients are one, and
    /// share what is limited by client: the log warns of it, and `plimsoll_server_untrusted_forwarded_total` counts.
    pub fn trusting(mut self, proxies: impl IntoIterator<Item = TrustedProxy>) -> Self {
        self.settings.trusted = proxies.into_iter().collect();
        self
    }

    /// Puts this layer outside of everything that can refuse, so that a refusal is a response like any other to it. Meant for
    /// CORS: without its headers a browser does not show a page why its request was refused (429, 503, 413, 504), and a
    /// preflight should take nobody's place. tower-http's `CorsLayer`, or any other with the bounds of
    /// [`Router::layer`]. Called again, the layer given first is outermost.
    ///
    /// Only trace, request id, the client's address and the record are further out. A layer that refuses by itself is
    /// recorded, and its refusal goes out as it is.
    pub fn cors<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request<Body>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Body>>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request<Body>>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request<Body>>>::Future: Send + 'static,
    {
        self.settings.edge.add(layer);
        self
    }

    /// Another way with request ids.
    pub fn request_ids(mut self, ids: RequestIdLayer) -> Self {
        self.settings.ids = ids;
        self
    }

    /// The part of traces begun here that are marked as sampled: all of them unless set. What is asked of others meanwhile
    /// follows the mark. A trace that came with a request goes on as it was marked.
    pub fn trace_sample(mut self, sample: Ratio) -> Self {
        self.settings.traces = TraceLayer::new().sample(sample);
        self
    }

    /// Whether each request is a line in the log (target `plimsoll::requests`, level `INFO`): yes unless set. Probes and
    /// scrapes (routes `/livez`, `/readyz`, `/healthz`, `/metrics`) are lines at `DEBUG` only, and without this all are.
    pub fn request_log(mut self, lines: bool) -> Self {
        self.settings.request_log = lines;
        self
    }

    /// Counts here, and shows it at its admin address: a registry of one's own instead of [that of the
    /// process](Registry::global), in which clients count unless they are told of another.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.settings.registry = registry;
        self
    }

    /// Goes down by this drain, in which the app's own workers and stores can register, with the limits that it has.
    pub fn drain(mut self, drain: Drain) -> Self {
        self.settings.drain = drain;
        self
    }

    /// For how long after `SIGTERM` it goes on serving, though no longer ready, so that whoever routes requests learns of it
    /// before the address is closed. 3 s unless set; none after Ctrl-C.
    pub fn notice(mut self, notice: Option<TimeLimit>) -> Self {
        self.settings.notice = notice;
        self
    }

    /// Leaves the process's signals alone: it goes down when the drain is [requested](Drain::request).
    pub fn without_signals(mut self) -> Self {
        self.settings.signals = false;
        self
    }

    /// The drain that it goes down by: to register in, and to begin it from inside ([`Drain::request`]).
    pub fn drain_handle(&self) -> Drain {
        self.settings.drain.clone()
    }
}

impl Server<Bounded> {
    /// The first panic begins a drain: its caller gets a 500, whoever is being served is served, and the process ends and is
    /// replaced, with whatever state the panic may have left half-changed.
    pub fn drain_after_panic(self) -> Self {
        let drain = self.drain_handle();
        let Bounded(boundary) = self.boundary;
        let boundary = boundary.on_panic(OnPanic::respond_then(move |_| drain.request()));
        Self { boundary: Bounded(boundary), settings: self.settings }
    }

    /// Binds the addresses. From here on connections stand in the kernel's queue; they are served by [`Bound::run`].
    ///
    /// Cancel safe: the sockets are closed.
    ///
    /// # Errors
    /// Every [`ServeError`] but [`ServeError::CutShort`].
    pub async fn bind(self) -> Result<Bound, ServeError> {
        Bound::new(self.settings, self.boundary.0).await
    }

    /// Serves until a signal comes or the drain is [requested](Drain::request), then drains. See the [module](super).
    ///
    /// Dropped, it cuts off all connections at once.
    ///
    /// # Errors
    /// Every [`ServeError`].
    pub async fn run(self) -> Result<(), ServeError> {
        self.bind().await?.run().await
    }
}

impl<B: fmt::Debug> fmt::Debug for Server<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("boundary", &self.boundary).field("settings", &self.settings).finish()
    }
}
