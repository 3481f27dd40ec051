//! Sockets that a service manager has opened before this process began (`LISTEN_FDS`, systemd's socket activation).

use listenfd::ListenFd;
use std::net::TcpListener;

/// Every TCP listener that was handed over. To be called once, while the process has a single thread: it takes the
/// variables out of the environment, so that no child believes that they are meant for it.
pub(super) fn inherited() -> Vec<TcpListener> {
    let mut offered = ListenFd::from_env();
    let mut sockets = Vec::new();
    for at in 0..offered.len() {
        match offered.take_tcp_listener(at) {
            Ok(Some(socket)) => sockets.push(socket),
            Ok(None) => {}
            Err(error) => tracing::warn!(descriptor = at, %error, "what was handed over is no TCP listener"),
        }
    }
    sockets
}

/// Says which of them nothing in the configuration wants: they are closed.
pub(super) fn unclaimed(sockets: &[TcpListener]) {
    for address in sockets.iter().filter_map(|socket| socket.local_addr().ok()) {
        tracing::warn!(%address, "a socket was handed over for which there is no listener");
    }
}
