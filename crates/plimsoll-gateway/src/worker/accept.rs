//! Taking connections in.

use super::{accepted::Accepted, connection, state::Worker};
use crate::shared::TooMany;
use std::{io, net::SocketAddr, rc::Rc, time::Duration};
use tokio::net::TcpListener;

/// How long to wait when the process has no descriptors left: long enough for some to come free.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Takes connections from this socket of a listener until aborted.
pub(super) async fn accept(worker: Rc<Worker>, socket: TcpListener, listener: SocketAddr) {
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                // An IPv4 client of a socket for both families is that IPv4 client, to trust, limits and logs alike.
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                let shared = &worker.shared;
                shared.metrics.accepted.inc();
                let (limits, network) = {
                    let spec = &shared.snapshot.load().spec;
                    (spec.limits, spec.network)
                };
                match shared.clients.count(peer.ip(), limits.connections, limits.per_client) {
                    Ok(counted) => {
                        let _ = stream.set_nodelay(true);
                        if let Some(keep_alive) = network.keep_alive {
                            let _ = keep_alive.set(&stream);
                        }
                        let open = worker.opened();
                        let worker = Rc::clone(&worker);
                        tokio::task::spawn_local(async move {
                            connection::serve(worker, stream, Accepted { peer, listener }).await;
                            drop((open, counted));
                        });
                    }
                    Err(TooMany::InAll) => shared.metrics.too_many.inc(),
                    Err(TooMany::OfClient) => shared.metrics.too_many_of_client.inc(),
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                worker.shared.accept_failures.failed(&error, worker.now());
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
}

/// A client that was gone before it was accepted says nothing about the socket.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
