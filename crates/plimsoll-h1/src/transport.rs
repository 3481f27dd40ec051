//! What the engine needs of a socket.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream in both directions: a socket, or in tests an in-memory pipe.
///
/// Waiting "until readable without a buffer" needs no method of its own: the engine borrows a buffer of its
/// worker's pool for the length of one poll and hands it back if nothing came.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + 'static {
    /// Makes the coming close a reset instead of an orderly end, where the transport knows the difference.
    ///
    /// Asked for when a body whose only end is the connection's end broke off: an orderly end would tell the
    /// reader that it has the whole.
    fn reset_on_close(&self) -> io::Result<()> {
        Ok(())
    }

    /// The TCP socket, if this is nothing else: then large bodies may bypass the process.
    fn tcp(&self) -> Option<&tokio::net::TcpStream> {
        None
    }
}

impl Transport for tokio::net::TcpStream {
    fn tcp(&self) -> Option<&tokio::net::TcpStream> {
        Some(self)
    }

    fn reset_on_close(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

#[cfg(unix)]
impl Transport for tokio::net::UnixStream {}

impl Transport for tokio::io::DuplexStream {}
