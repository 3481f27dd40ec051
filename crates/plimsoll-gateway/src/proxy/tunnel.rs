use super::switched::Switched;
use bytes::Bytes;
use tokio::net::TcpStream;

/// An endpoint's side of a connection that has switched protocols.
#[derive(Debug)]
pub(crate) struct Tunnel {
    pub(crate) io: TcpStream,
    /// Read behind the response's head.
    pub(crate) leftover: Bytes,
    /// The call that it came of, which goes on.
    pub(crate) switched: Switched,
}
