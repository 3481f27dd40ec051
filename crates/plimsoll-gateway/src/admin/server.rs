//! Connections to the admin API.

use super::{
    answer::{Answer, Fault},
    guard, paths,
};
use crate::{StartError, control::Plane};
use axum::{Router, body::Body};
use futures_util::FutureExt;
use http::{Request, Response, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpStream,
    sync::Semaphore,
    task::{JoinSet, spawn},
    time::sleep,
};
use tower_service::Service;

/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 64;

/// How long a head may take, and a kept connection wait for its next request.
const HEAD_TIME: Duration = Duration::from_secs(15);

/// How long a connection lasts at most, whatever its client does or does not take.
const LIFETIME: Duration = Duration::from_secs(600);

/// How long to wait when the process has no descriptors left.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Binds the address, or takes the inherited socket that is bound to it.
pub(crate) fn bind(
    address: SocketAddr,
    inherited: &mut Vec<TcpListener>,
) -> Result<tokio::net::TcpListener, StartError> {
    let failed = |source| StartError::Bind { address, source };
    let own = |socket: &TcpListener| socket.local_addr().is_ok_and(|given| given == address);
    let socket = match inherited.iter().position(own) {
        Some(at) => inherited.swap_remove(at),
        None => open(address).map_err(failed)?,
    };
    socket.set_nonblocking(true).map_err(failed)?;
    tokio::net::TcpListener::from_std(socket).map_err(failed)
}

/// Without `SO_REUSEPORT`: a second gateway must find out that it is the second.
fn open(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(128)?;
    Ok(socket.into())
}

/// Answers until dropped; connections end with it.
pub(crate) async fn serve(listener: tokio::net::TcpListener, plane: Arc<Plane>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let router = paths::router(&plane);
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (plane, router) = (Arc::clone(&plane), router.clone());
                connections.spawn(async move {
                    let _ = tokio::time::timeout(LIFETIME, connection(stream, plane, router)).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection to the admin API");
                sleep(EXHAUSTED).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, plane: Arc<Plane>, router: Router) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let (plane, router) = (Arc::clone(&plane), router.clone());
        async move { Ok::<_, Infallible>(answer(&plane, router, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the admin API broke");
    }
}

/// A panic ends its request alone. The handler runs as a task of its own, so that a client that leaves does not stop
/// halfway what it has begun.
async fn answer(plane: &Arc<Plane>, mut router: Router, request: Request<Incoming>) -> Response<Body> {
    if let Some(refused) = guard::refusal(plane, &request) {
        return refused;
    }
    let metrics = &plane.gateway().shared().metrics;
    let handled = AssertUnwindSafe(router.call(request)).catch_unwind();
    if let Ok(Ok(Ok(response))) = spawn(handled).await {
        return in_our_words(response);
    }
    metrics.panics.inc();
    Answer::problem(Fault::INTERNAL, "The admin API has failed; the log may say why.")
}

/// What the router itself refuses, such as a path whose escapes are no text, it says in plain text.
fn in_our_words(response: Response<Body>) -> Response<Body> {
    let plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/"));
    if response.status().is_client_error() && plain {
        return Answer::problem(Fault::BAD_REQUEST, "The path is malformed.");
    }
    response
}
