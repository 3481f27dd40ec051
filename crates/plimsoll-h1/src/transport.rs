//! The interface of a socket that the engine needs.

use std::{
    io,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream in both directions: a socket, or in tests an in-memory pipe.
///
pub trait Transport: AsyncRead + AsyncWrite + Unpin + 'static {
    /// Makes the next close a reset instead of an orderly end, where the transport knows the difference.
    ///
    /// Called when a body that ends with the connection broke off: an orderly end would tell the reader that it has the
    /// whole body. By default it does nothing.
    ///
    /// # Errors
    /// If the system refuses.
    fn reset_on_close(&self) -> io::Result<()> {
        Ok(())
    }

    /// Waits until a read may give something, without a buffer to read into. By default ready at once: then the read
    /// itself waits.
    ///
    /// # Errors
    /// None that a read would not give as well.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        Poll::Ready(Ok(()))
    }

    /// Bounds the bytes written that the system holds beyond those on their way to the peer; `None` lifts the bound.
    ///
    /// Without effect where the transport knows no such bound.
    fn bound_unsent(&self, bytes: Option<u32>) {
        let _ = bytes;
    }

    /// Returns the TCP socket, if the transport is nothing else: large bodies may bypass the process then. By default
    /// `None`.
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

    #[inline]
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(cx)
    }

    #[cfg(target_os = "linux")]
    fn bound_unsent(&self, bytes: Option<u32>) {
        // A socket that does not take it holds more, and works as well.
        // Zero stands for the system's own setting.
        let _ = socket2::SockRef::from(self).set_tcp_notsent_lowat(bytes.unwrap_or(0));
    }
}

#[cfg(unix)]
impl Transport for tokio::net::UnixStream {
    #[inline]
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(cx)
    }
}

impl Transport for tokio::io::DuplexStream {}

/// Always readable, for tests.
#[cfg(test)]
impl Transport for io::Cursor<Vec<u8>> {}
