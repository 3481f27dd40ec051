//! A gateway from a file with its admin API, origins behind it, and a client before both.
#![allow(dead_code, reason = "not every file of tests needs all of it")]

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use plimsoll_gateway::{control::Control, file};
use serde_json::Value;
use std::{
    convert::Infallible,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::{JoinSet, spawn},
};

/// How long a condition may take to come about, on the slowest of machines.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the condition holds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "never came about: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A directory of one test's own, gone with the value.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("plimsoll-gateway-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A gateway from a file.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) control: Control,
    pub(crate) scratch: Scratch,
    pub(crate) token: Option<&'static str>,
}

impl Running {
    /// Starts a gateway from this text. `LISTENER` and `ADMIN` in it stand for sections on ports that the system chooses.
    pub(crate) async fn start(test: &str, text: &str) -> Self {
        let scratch = Scratch::new(test);
        let path = scratch.path("gateway.toml");
        fs::write(&path, filled(text)).unwrap();
        let loaded = file::load(&path, &|_| None).unwrap_or_else(|error| panic!("{error}"));
        let control = Control::start(loaded.spec, Some(path)).await.unwrap();
        Self { control, scratch, token: None }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.scratch.path("gateway.toml")
    }

    /// Writes another text into the file.
    pub(crate) fn rewrite(&self, text: &str) {
        fs::write(self.file(), filled(text)).unwrap();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.control.gateway().addresses()[0]
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.control.admin_address().unwrap()
    }

    /// A request to the gateway itself.
    pub(crate) async fn get(&self, path: &str) -> ReceivedResponse {
        ask(self.address(), Method::GET, path, &[], "").await.unwrap()
    }

    /// A request to the admin API.
    pub(crate) async fn asked(&self, path: &str) -> ReceivedResponse {
        let bearer = self.token.map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> =
            bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        ask(self.admin(), Method::GET, path, &headers, "").await.unwrap()
    }

    /// A change by the admin API.
    pub(crate) async fn change(&self, method: Method, path: &str, body: &str) -> ReceivedResponse {
        let headers = [("content-type", "application/json")];
        ask(self.admin(), method, path, &headers, body).await.unwrap()
    }

    pub(crate) async fn patch(&self, policy: &str, patch: &Value) -> ReceivedResponse {
        self.change(Method::PATCH, &format!("/api/v1/policies/{policy}"), &patch.to_string()).await
    }

    pub(crate) async fn reload(&self) -> ReceivedResponse {
        self.change(Method::POST, "/api/v1/reload", "").await
    }

    /// The value of this series, if it is on the page.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let page = self.asked("/metrics").await.text();
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        line.parse().ok()
    }
}

fn filled(text: &str) -> String {
    text.replace("LISTENER", "[[listener]]\nlisten = \"127.0.0.1:0\"\n")
        .replace("ADMIN", "version = 1\n[admin]\nlisten = \"127.0.0.1:0\"\n")
}

/// A response.
#[derive(Debug)]
pub(crate) struct ReceivedResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl ReceivedResponse {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn content_type(&self) -> &str {
        self.headers.get("content-type").map_or("", |value| value.to_str().unwrap())
    }
}

/// One request over a connection of its own.
pub(crate) async fn ask(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<ReceivedResponse, Box<dyn std::error::Error + Send + Sync>> {
    let io = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    let driven = spawn(connection);
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", address.to_string());
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sender.send_request(request.body(Full::<Bytes>::from(body.to_owned()))?).await?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    driven.abort();
    Ok(ReceivedResponse { status: parts.status, headers: parts.headers, body })
}

/// A service behind the gateway: responds 200 with the path, or with the status that the path begins with (`/503`).
/// `/hold` gets its response when somebody lets it go.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    stop: Option<watch::Sender<()>>,
}

/// The requests that an origin has seen, and the gate that it waits for.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) requests: AtomicUsize,
    pub(crate) checks: AtomicUsize,
    /// Checks under way, and the most there ever were.
    pub(crate) checking: AtomicUsize,
    pub(crate) most_checking: AtomicUsize,
    /// One permit lets one held request go.
    pub(crate) go: Semaphore,
    pub(crate) held: AtomicUsize,
    /// Whether checks are held too.
    pub(crate) hold_checks: std::sync::atomic::AtomicBool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            requests: AtomicUsize::default(),
            checks: AtomicUsize::default(),
            checking: AtomicUsize::default(),
            most_checking: AtomicUsize::default(),
            go: Semaphore::new(0),
            held: AtomicUsize::default(),
            hold_checks: std::sync::atomic::AtomicBool::default(),
        }
    }
}

impl Origin {
    pub(crate) async fn http1() -> Self {
        Self::at(([127, 0, 0, 1], 0).into(), false).await
    }

    pub(crate) async fn http2() -> Self {
        Self::at(([127, 0, 0, 1], 0).into(), true).await
    }

    /// At a given address: one that was there before, say.
    pub(crate) async fn at(address: SocketAddr, h2: bool) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, mut stopped) = watch::channel(());
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else { continue };
                        let seen = Arc::clone(&shared);
                        connections.spawn(serve(stream, seen, h2));
                    }
                    _ = stopped.changed() => return,
                }
            }
        });
        Self { address, seen, stop: Some(stop) }
    }

    /// Gone as by `kill -9`: its socket and all its connections close.
    pub(crate) fn kill(&mut self) {
        self.stop = None;
    }
}

async fn serve(stream: TcpStream, seen: Arc<Seen>, h2: bool) {
    let service = service_fn(move |request: Request<Incoming>| {
        let seen = Arc::clone(&seen);
        async move { Ok::<_, Infallible>(respond(request, &seen).await) }
    });
    let io = TokioIo::new(stream);
    if h2 {
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(io, service)
            .await;
    } else {
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
    }
}

async fn respond(request: Request<Incoming>, seen: &Seen) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if path == "/healthz" {
        seen.checks.fetch_add(1, Ordering::SeqCst);
        let now = seen.checking.fetch_add(1, Ordering::SeqCst) + 1;
        let counted = Counted(&seen.checking);
        seen.most_checking.fetch_max(now, Ordering::SeqCst);
        if seen.hold_checks.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        drop(counted);
        return Response::new(Full::default());
    }
    seen.requests.fetch_add(1, Ordering::SeqCst);
    if path == "/hold" {
        seen.held.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(&seen.held);
        seen.go.acquire().await.unwrap().forget();
        drop(counted);
    }
    let status = path.get(1..4).and_then(|text| text.parse().ok()).unwrap_or(StatusCode::OK);
    let mut response = Response::new(Full::from(path.to_owned()));
    *response.status_mut() = status;
    response
}

struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The text of this file of the repository.
pub(crate) fn repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A kept connection.
#[derive(Debug)]
pub(crate) struct Kept {
    address: SocketAddr,
    sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
}

impl Kept {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        spawn(connection);
        Self { address, sender }
    }

    /// One more request over it.
    pub(crate) async fn get(&mut self, path: &str) -> StatusCode {
        let request =
            Request::get(path).header("host", self.address.to_string()).body(Full::default()).unwrap();
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        let status = response.status();
        response.into_body().collect().await.unwrap();
        status
    }
}
