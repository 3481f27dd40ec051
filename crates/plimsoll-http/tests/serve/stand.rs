//! A server under test.

use crate::client::PATIENCE;
use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, State},
    routing::{get, post},
};
use plimsoll_http::{
    Problem,
    headers::TraceParent,
    inbound::{Peer, RequestId},
    serve::{Limits, ServeError, Server, serve},
};
use plimsoll_task::{Deadline, drain::Drain};
use plimsoll_telemetry::{Format, Registry};
use std::{net::SocketAddr, sync::Arc};
use tokio::{sync::Semaphore, task::JoinHandle, time::timeout};

pub(crate) struct Stand {
    pub(crate) address: SocketAddr,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) admin: SocketAddr,
    pub(crate) drain: Drain,
    pub(crate) registry: Registry,
    /// Requests to `/held` wait for one of these each.
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) running: JoinHandle<Result<(), ServeError>>,
}

fn app(gate: Arc<Semaphore>) -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/peer", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }))
        .route(
            "/extension",
            get(|axum::Extension(Peer(peer)): axum::Extension<Peer>| async move { peer.to_string() }),
        )
        .route("/echo", post(|body: Bytes| async move { body }))
        .route("/items/{id}", get(|| async { "item" }))
        .route("/left", get(|| async { format!("{:?}", Deadline::current().remaining().is_some()) }))
        .route("/trace", get(|| async { format!("{:032x}", TraceParent::current().unwrap().trace) }))
        .route("/id", get(|axum::Extension(id): axum::Extension<RequestId>| async move { id.to_string() }))
        .route("/boom", get(|| async { panic!("the secret is 42") as () }))
        .route("/fails", get(|| async { Err::<(), _>(Problem::internal("the secret is 42")) }))
        .route("/endless", get(|| async { axum::body::Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>()) }))
        .route("/flood", get(|| async { axum::body::Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 65536])))) }))
        .route("/large", get(|| async { Bytes::from(vec![b'x'; 32 << 20]) }))
        .route("/pieces", get(|| async { axum::body::Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 4096])))) }))
        .route(
            "/held",
            get(|State(gate): State<Arc<Semaphore>>| async move {
                gate.acquire().await.unwrap().forget();
                "released"
            }),
        )
        .with_state(gate)
}

impl Stand {
    pub(crate) async fn with(set: impl FnOnce(Server) -> Server) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let registry = Registry::new();
        let server = serve(app(Arc::clone(&gate))).on("127.0.0.1:0").admin("127.0.0.1:0").without_signals();
        let server = server.limits(Limits { shedding: None, ..Limits::default() });
        let bound = set(server.registry(registry.clone())).bind().await.unwrap();
        let addresses = bound.addresses().to_vec();
        let (address, admin, drain) = (addresses[0], bound.admin_address().unwrap(), bound.drain_handle());
        Self { address, addresses, admin, drain, registry, gate, running: tokio::spawn(bound.run()) }
    }

    pub(crate) async fn new() -> Self {
        Self::with(|server| server).await
    }

    /// The value of a series in the metrics; zero where it is not there.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let page = self.registry.render(Format::Prometheus);
        page.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok()).unwrap_or(0.0)
    }

    /// Waits until a series has this value.
    pub(crate) async fn until(&self, series: &str, value: f64) {
        let reached = async {
            while (self.metric(series) - value).abs() > 0.1 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{series} is {}", self.metric(series)));
    }

    pub(crate) async fn ended(self) -> Result<(), ServeError> {
        timeout(PATIENCE, self.running).await.expect("the drain ends").unwrap()
    }
}
