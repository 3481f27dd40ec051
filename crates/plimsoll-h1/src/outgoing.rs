//! An outgoing message: its head, its framed body, and the bytes that the socket has not accepted yet.
//!
//! Both sides write through this. It holds at most one large chunk, or a buffer of small ones, at a time: the caller asks
//! [`wants_frame`](Outgoing::wants_frame) before it fetches a frame, so a slow reader slows the source.

use crate::{
    buffer::{self, Size},
    chunked, encode,
};
use bytes::{Buf as _, Bytes, BytesMut};
use http_body::Frame;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::AsyncWrite;

/// The largest chunk in bytes that is copied behind the head: cheaper than a vectored write of both.
const COPIED: usize = 2048;
/// The buffered bytes from which on no more frames are taken.
const FULL: usize = 6 * 1024;

/// The framing of the body being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// There is no body: data is an error.
    None,
    /// This many bytes are still owed.
    Length(u64),
    Chunked,
    UntilClose,
}

/// A body that is shorter or longer than its head announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LengthError {
    Short,
    Long,
}

/// A message being written.
#[derive(Debug)]
pub(crate) struct Outgoing {
    buf: BytesMut,
    held: bool,
    chunk: Bytes,
    tail: &'static [u8],
    mode: Mode,
    open: bool,
    written: u64,
    body_bytes: u64,
}

impl Outgoing {
    pub(crate) fn new() -> Self {
        Self {
            buf: BytesMut::new(),
            held: false,
            chunk: Bytes::new(),
            tail: b"",
            mode: Mode::None,
            open: false,
            written: 0,
            body_bytes: 0,
        }
    }

    /// Returns the buffer that heads are encoded into.
    pub(crate) fn buf(&mut self) -> &mut BytesMut {
        if !self.held {
            self.buf = buffer::take(Size::Small);
            self.held = true;
        }
        &mut self.buf
    }

    /// Returns the buffered bytes of heads and small chunks.
    pub(crate) fn waiting(&self) -> usize {
        self.buf.len()
    }

    /// Starts a message whose head is in [`buf`](Self::buf).
    pub(crate) fn begin(&mut self, mode: Mode, open: bool) {
        self.mode = mode;
        self.open = open;
        self.written = 0;
        self.body_bytes = 0;
    }

    /// Withdraws a message of which nothing was written, and keeps the `before` bytes buffered before it.
    pub(crate) fn take_back(&mut self, before: usize) {
        self.buf.truncate(before);
        self.chunk = Bytes::new();
        self.tail = b"";
        self.open = false;
    }

    /// Returns the bytes given to the socket since [`begin`](Self::begin).
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Returns the bytes of body taken since [`begin`](Self::begin), framing not counted.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Returns whether the body's end has been taken and everything is written.
    pub(crate) fn is_done(&self) -> bool {
        !self.open && self.is_flushed()
    }

    pub(crate) fn is_flushed(&self) -> bool {
        self.buf.is_empty() && self.chunk.is_empty() && self.tail.is_empty()
    }

    /// Returns whether the reader takes the connection's end for the body's.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.mode == Mode::UntilClose
    }

    /// Returns whether another frame, or the body's end, should be fetched.
    pub(crate) fn wants_frame(&self) -> bool {
        self.open && self.chunk.is_empty() && self.tail.is_empty() && self.buf.len() < FULL
    }

    /// Takes a frame; the body ends with it if `last`.
    pub(crate) fn push(&mut self, frame: Frame<Bytes>, last: bool) -> Result<(), LengthError> {
        match frame.into_data() {
            Ok(data) => self.push_data(data, last),
            Err(frame) => {
                if let (Mode::Chunked, Ok(trailers)) = (self.mode, frame.into_trailers()) {
                    let buf = self.buf();
                    buf.extend_from_slice(b"0\r\n");
                    encode::trailers(buf, &trailers);
                    self.open = false;
                } else if last {
                    self.finish()?;
                }
                Ok(())
            }
        }
    }

    fn push_data(&mut self, data: Bytes, last: bool) -> Result<(), LengthError> {
        let size = data.len() as u64;
        match &mut self.mode {
            Mode::Length(owed) => *owed = owed.checked_sub(size).ok_or(LengthError::Long)?,
            Mode::None if size > 0 => return Err(LengthError::Long),
            _ => {}
        }
        self.body_bytes += size;
        let chunked = self.mode == Mode::Chunked;
        if size > 0 {
            if chunked {
                chunked::put_size(self.buf(), data.len());
            }
            if data.len() <= COPIED {
                self.buf().extend_from_slice(&data);
                if chunked {
                    self.buf().extend_from_slice(b"\r\n");
                }
            } else {
                self.chunk = data;
                self.tail = if chunked { b"\r\n" } else { b"" };
            }
        }
        if last { self.finish() } else { Ok(()) }
    }

    /// Returns the bytes of a body of known length that may bypass this buffer now.
    pub(crate) fn spliceable(&self) -> Option<u64> {
        match self.mode {
            Mode::Length(owed) if self.open && self.is_flushed() => Some(owed),
            _ => None,
        }
    }

    /// Counts `bytes` that bypassed this buffer.
    pub(crate) fn spliced(&mut self, bytes: u64) -> Result<(), LengthError> {
        if let Mode::Length(owed) = &mut self.mode {
            *owed = owed.checked_sub(bytes).ok_or(LengthError::Long)?;
        }
        self.body_bytes += bytes;
        self.written += bytes;
        Ok(())
    }

    /// Takes the body's end.
    pub(crate) fn finish(&mut self) -> Result<(), LengthError> {
        match self.mode {
            Mode::Length(1..) => return Err(LengthError::Short),
            Mode::Chunked if !self.open => {}
            Mode::Chunked if self.tail.is_empty() => self.buf().extend_from_slice(b"0\r\n\r\n"),
            Mode::Chunked => self.tail = b"\r\n0\r\n\r\n",
            _ => {}
        }
        self.open = false;
        Ok(())
    }

    /// Writes until nothing is left or the socket accepts no more.
    pub(crate) fn poll_flush<W>(&mut self, io: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin,
    {
        while !self.is_flushed() {
            let io = Pin::new(&mut *io);
            let count = if self.chunk.is_empty() && self.tail.is_empty() {
                ready!(io.poll_write(cx, &self.buf))?
            } else if self.buf.is_empty() && self.tail.is_empty() {
                ready!(io.poll_write(cx, &self.chunk))?
            } else {
                let slices = [IoSlice::new(&self.buf), IoSlice::new(&self.chunk), IoSlice::new(self.tail)];
                ready!(io.poll_write_vectored(cx, &slices))?
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count as u64;
            self.advance(count);
        }
        self.release();
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, count: usize) {
        let head = count.min(self.buf.len());
        if head == self.buf.len() {
            self.buf.clear();
        } else {
            self.buf.advance(head);
        }
        let body = (count - head).min(self.chunk.len());
        self.chunk.advance(body);
        if self.chunk.is_empty() {
            // An empty slice would still hold the whole read buffer.
            self.chunk = Bytes::new();
        }
        self.tail = &self.tail[count - head - body..];
    }

    fn release(&mut self) {
        if self.held && self.buf.is_empty() {
            self.held = false;
            buffer::give(std::mem::take(&mut self.buf), Size::Small);
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.buf.clear();
        self.release();
    }
}

#[cfg(test)]
mod tests;
