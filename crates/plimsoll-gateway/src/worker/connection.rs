//! A client's connection, from its first byte to its last.

use super::{accepted::Accepted, http1, http2, state::Worker};
use crate::{
    h1::server::{Idle, ServerConn},
    proxy::Alarm,
};
use std::rc::Rc;
use tokio::net::TcpStream;

/// Serves a connection until it ends.
///
/// Between requests this future is all there is of the connection: it is kept small, and the large one that serves
/// requests is made when bytes come and given back when they have stayed away for a while.
pub(super) async fn serve(worker: Rc<Worker>, stream: TcpStream, accepted: Accepted) {
    let snapshot = worker.shared.snapshot.load_full();
    let mut connection = ServerConn::new(stream, worker.server_config(&snapshot), &worker.drain);
    drop(snapshot);
    let mut alarm = Alarm::default();
    loop {
        let until = worker.now() + worker.shared.snapshot.load().spec.limits.idle_time;
        if connection.idle(alarm.wait(worker.time(), until)).await != Idle::Ready {
            return;
        }
        match Box::pin(http1::serve(&worker, &mut connection, &mut alarm, accepted)).await {
            http1::End::Idle => {}
            http1::End::Close => return Box::pin(connection.close()).await,
            http1::End::Broken => return,
            http1::End::Http2 => {
                let Some((stream, read)) = connection.into_parts() else { return };
                return Box::pin(http2::serve(&worker, stream, read, accepted)).await;
            }
            http1::End::Tunnel(tunnel, route, entry) => {
                let Some((stream, read)) = connection.into_parts() else { return };
                return Box::pin(super::tunnel::carry(&worker, stream, read, *tunnel, route, entry)).await;
            }
        }
    }
}
