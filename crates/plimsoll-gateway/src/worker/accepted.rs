use std::net::SocketAddr;

/// The client of a connection, and the listener of the configuration that it came by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepted {
    pub(super) peer: SocketAddr,
    pub(super) listener: SocketAddr,
}
