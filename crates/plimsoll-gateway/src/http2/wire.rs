//! A connection's socket, and what it gives and takes.

use super::blocks::{Blocks, ListLimits};
use bytes::Bytes;
use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The counts of bytes that a socket has given and taken: written by the connection's task, looked at by others.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    read: Cell<u64>,
    written: Cell<u64>,
    blocked: Cell<bool>,
}

impl Wire {
    /// Bytes read so far.
    pub(crate) fn read(&self) -> u64 {
        self.read.get()
    }

    /// Bytes taken so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.get()
    }

    /// Whether the last write has found no room.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.get()
    }

    fn note(&self, polled: &Poll<io::Result<usize>>) {
        match polled {
            Poll::Ready(Ok(written)) => {
                self.written.set(self.written.get() + *written as u64);
                self.blocked.set(false);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.blocked.set(true),
        }
    }
}

/// A socket whose [`Wire`] is kept, and whose lists of fields are bounded.
#[derive(Debug)]
pub(crate) struct Wired<S> {
    /// Bytes that were read before, and come first.
    before: Bytes,
    stream: S,
    wire: Rc<Wire>,
    blocks: Blocks,
}

impl<S> Wired<S> {
    /// Returns the socket of a client of ours, of which `before` has been read already.
    pub(crate) fn to_client(before: Bytes, stream: S, limits: ListLimits) -> (Self, Rc<Wire>) {
        Self::new(before, stream, Blocks::of_client(limits))
    }

    /// Returns the socket of a server that is asked.
    pub(crate) fn to_server(stream: S, limits: ListLimits) -> (Self, Rc<Wire>) {
        Self::new(Bytes::new(), stream, Blocks::of_server(limits))
    }

    fn new(before: Bytes, stream: S, blocks: Blocks) -> (Self, Rc<Wire>) {
        let wire = Rc::<Wire>::default();
        (Self { before, stream, wire: Rc::clone(&wire), blocks }, wire)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wired<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = into.filled().len();
        if self.before.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        } else {
            let length = self.before.len().min(into.remaining());
            into.put_slice(&self.before.split_to(length));
        }
        let came = &into.filled()[filled..];
        self.wire.read.set(self.wire.read.get() + came.len() as u64);
        Poll::Ready(self.blocks.see(came))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wired<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wire.note(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wire.note(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
