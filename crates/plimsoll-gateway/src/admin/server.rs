//! The library's own server, around the admin API.

use super::{guard, paths};
use crate::{gateway::StartError, plane::Plane};
use axum::{
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use http::{HeaderValue, header};
use plimsoll::http::{
    KeepAlive,
    serve::{Limits, ServeError, Server, TimeLimit, WhenFull, serve},
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    net::{SocketAddr, TcpListener},
    num::NonZeroU32,
    sync::Arc,
};

/// Connections at once, in all and of one client. Where they are taken, the oldest that is idle and has not shown the
/// token makes room: strangers keep out neither probes nor whoever has it.
const CONNECTIONS: [Option<NonZeroU32>; 2] = [NonZeroU32::new(64), NonZeroU32::new(32)];

/// Binds the address, or takes the inherited socket that is bound to it.
pub(crate) fn bind(address: SocketAddr, inherited: &mut Vec<TcpListener>) -> Result<TcpListener, StartError> {
    let own = |socket: &TcpListener| socket.local_addr().is_ok_and(|given| given == address);
    match inherited.iter().position(own) {
        Some(at) => Ok(inherited.swap_remove(at)),
        None => open(address).map_err(|source| StartError::Bind { address, source }),
    }
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

/// Serves until dropped; connections end with it.
pub(crate) async fn run(listener: TcpListener, plane: Arc<Plane>) -> Result<(), ServeError> {
    server(listener, &plane).run().await
}

fn server(listener: TcpListener, plane: &Arc<Plane>) -> Server {
    let guarded = middleware::from_fn_with_state(Arc::clone(plane), guarded);
    serve(paths::router(plane).layer(guarded))
        .on(listener)
        .registry(plane.gateway().registry().clone())
        .limits(limits(plane.gateway().spec().network.keep_alive))
        // Scrapes and probes are no news; a change is a line of its own.
        .request_log(false)
        // It serves while the gateway drains, and ends with the program.
        .without_signals()
}

fn limits(keep_alive: Option<KeepAlive>) -> Limits {
    let [connections, connections_per_client] = CONNECTIONS;
    Limits {
        connections,
        connections_per_client,
        when_full: WhenFull::MakeRoom,
        keep_alive,
        head_time: Some(TimeLimit::seconds(15)),
        idle: Some(TimeLimit::seconds(15)),
        // Whoever looks into an overload must get through, and is known by now.
        client_rate: None,
        client_in_flight: None,
        in_flight: None,
        shedding: None,
        ..Limits::default()
    }
}

async fn guarded(State(plane): State<Arc<Plane>>, request: Request, next: Next) -> Response {
    let mut response = match guard::refusal(&plane, &request) {
        Some(refused) => refused,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    // What is true now may not be in a moment, and none of it is a page.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
