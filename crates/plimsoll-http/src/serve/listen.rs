//! Where a server listens.

use super::ServeError;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
};
use tokio::net::{TcpListener, lookup_host};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 1024;

/// Where to listen: an address (`"0.0.0.0:8080"`, `"localhost:0"`), or a socket that listens already.
#[derive(Debug)]
pub struct Listen(Kind);

#[derive(Debug)]
enum Kind {
    Text(String),
    Address(SocketAddr),
    Socket(StdListener),
}

impl From<&str> for Listen {
    fn from(text: &str) -> Self {
        Self(Kind::Text(text.to_owned()))
    }
}

impl From<String> for Listen {
    fn from(text: String) -> Self {
        Self(Kind::Text(text))
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self(Kind::Address(address))
    }
}

impl From<StdListener> for Listen {
    /// Of systemd, say, or of a process that hands over its work.
    fn from(socket: StdListener) -> Self {
        Self(Kind::Socket(socket))
    }
}

impl Listen {
    /// Binds and listens. Cancel safe: the socket is closed.
    pub(super) async fn bind(self) -> Result<TcpListener, ServeError> {
        let (address, bound) = match self.0 {
            Kind::Text(text) => {
                let bound = by_name(&text).await;
                (text, bound)
            }
            Kind::Address(address) => (address.to_string(), open(address)),
            Kind::Socket(socket) => (String::from("the socket that was handed over"), Ok(socket)),
        };
        let listens = bound.and_then(|socket| {
            socket.set_nonblocking(true)?;
            TcpListener::from_std(socket)
        });
        listens.map_err(|source| ServeError::Bind { address, source })
    }
}

async fn by_name(text: &str) -> io::Result<StdListener> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host(text).await? {
        match open(address) {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// With `SO_REUSEADDR`, so that connections of the process before, which linger, are no obstacle; without
/// `SO_REUSEPORT`, so that a second process finds out that it is the second.
fn open(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
