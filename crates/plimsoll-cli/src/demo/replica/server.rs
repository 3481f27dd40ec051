//! A replica's sockets and responses.

use super::{AT_ONCE, Replica, SERVED_BY, SIDE, name, service_time};
use crate::demo::plan::{Condition, REPLICAS, SLOWER};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::Ordering, mpsc::SyncSender},
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
};

/// The backlog of connections.
const BACKLOG: u32 = 1024;

/// Serves until stopped. Sends the addresses, or the error of binding them.
pub(super) fn run(
    replicas: &Arc<[Replica; REPLICAS]>,
    bound: &SyncSender<io::Result<[SocketAddr; REPLICAS]>>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = bound.send(Err(error));
            return;
        }
    };
    runtime.block_on(async {
        let mut addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); REPLICAS];
        for (at, address) in addresses.iter_mut().enumerate() {
            match Port::take() {
                Ok(port) => {
                    *address = port.address;
                    tokio::spawn(listen(Arc::clone(replicas), at, port));
                }
                Err(error) => {
                    let _ = bound.send(Err(error));
                    return;
                }
            }
        }
        if bound.send(Ok(addresses)).is_ok() {
            let _ = stopped.await;
        }
    });
}

/// A port that stays reserved while the replica does not listen. Otherwise an outgoing connection might get it as its
/// local port, and the replica could not listen again.
struct Port {
    address: SocketAddr,
    _kept: TcpSocket,
}

impl Port {
    fn take() -> io::Result<Self> {
        let kept = bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self { address: kept.local_addr()?, _kept: kept })
    }

    fn listen(&self) -> io::Result<TcpListener> {
        bind(self.address)?.listen(BACKLOG)
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Listens while the replica accepts connections.
async fn listen(replicas: Arc<[Replica; REPLICAS]>, at: usize, port: Port) {
    let mut condition = replicas[at].condition.subscribe();
    loop {
        if condition.wait_for(|now| *now != Condition::Refusing).await.is_err() {
            return;
        }
        let Ok(listener) = port.listen() else {
            eprintln!("{} cannot listen again", name(at));
            return;
        };
        loop {
            tokio::select! {
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    tokio::spawn(serve(Arc::clone(&replicas), at, stream));
                },
                refusing = condition.wait_for(|now| *now == Condition::Refusing) => match refusing {
                    Ok(_) => break,
                    Err(_) => return,
                },
            }
        }
    }
}

/// Serves one connection until either side closes it, or the replica stops.
async fn serve(replicas: Arc<[Replica; REPLICAS]>, at: usize, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut condition = replicas[at].condition.subscribe();
    let replicas = &replicas;
    let service = service_fn(move |request| async move { respond(&replicas[at], &request).await });
    tokio::select! {
        _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service) => {}
        _ = condition.wait_for(|now| *now == Condition::Refusing) => {}
    }
}

async fn respond(
    replica: &Replica,
    request: &Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    if path == AT_ONCE {
        return Ok(response(replica, StatusCode::OK, Bytes::from_static(b"{}\n")));
    }
    // Health checks come without a side, and are no requests of anybody.
    let side = request.headers().get(SIDE).and_then(|side| side.to_str().ok()?.parse::<usize>().ok());
    if let Some(arrived) = side.and_then(|side| replica.arrived.get(side)) {
        arrived.fetch_add(1, Ordering::Relaxed);
    }
    let number = path.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or_default();
    let time = service_time(replica.seed, replica.index, number);
    let condition = *replica.condition.borrow();
    match condition {
        Condition::Failing | Condition::Refusing => {
            let body = Bytes::from_static(b"{\"error\":\"the database is away\"}\n");
            return Ok(response(replica, StatusCode::SERVICE_UNAVAILABLE, body));
        }
        Condition::Slow => tokio::time::sleep(time * SLOWER).await,
        Condition::Well => tokio::time::sleep(time).await,
    }
    let body = format!("{{\"order\":{number},\"from\":\"{}\"}}\n", name(replica.index));
    Ok(response(replica, StatusCode::OK, body.into()))
}

fn response(replica: &Replica, status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(SERVED_BY, replica.index.into());
    response
}
