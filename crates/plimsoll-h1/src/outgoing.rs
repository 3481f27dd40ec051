//! One message on its way out: head, framed body, and what the socket has not taken yet.
//!
//! Both sides write through this. It holds at most one large chunk, or a buffer of small ones, at a time:
//! whoever feeds it asks [`wants_frame`](Outgoing::wants_frame) first, so a slow reader slows the source.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::Frame;
use tokio::io::AsyncWrite;

use crate::buffer::{self, Size};
use crate::{chunked, encode};

/// A chunk up to this is copied behind the head: cheaper than a vectored write of both.
const COPIED: usize = 2048;
/// Once so much is waiting, no more frames are taken.
const FULL: usize = 6 * 1024;

/// How the body being written is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// There is no body: data is an error.
    None,
    /// So many bytes are still owed.
    Length(u64),
    Chunked,
    UntilClose,
}

/// The body does not keep what its head promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LengthFault {
    Short,
    Long,
}

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

    /// Where heads are written.
    pub(crate) fn buf(&mut self) -> &mut BytesMut {
        if !self.held {
            self.buf = buffer::take(Size::Small);
            self.held = true;
        }
        &mut self.buf
    }

    /// Bytes of heads and small chunks that wait.
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

    /// Takes back a message of which nothing was written, leaving what waited before it.
    pub(crate) fn take_back(&mut self, before: usize) {
        self.buf.truncate(before);
        self.chunk = Bytes::new();
        self.tail = b"";
        self.open = false;
    }

    /// Bytes given to the socket since [`begin`](Self::begin).
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Bytes of body taken since [`begin`](Self::begin), framing not counted.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Whether the body's end has been taken and everything is written.
    pub(crate) fn is_done(&self) -> bool {
        !self.open && self.is_flushed()
    }

    pub(crate) fn is_flushed(&self) -> bool {
        self.buf.is_empty() && self.chunk.is_empty() && self.tail.is_empty()
    }

    /// Whether the reader takes the connection's end for the body's.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.mode == Mode::UntilClose
    }

    /// Whether another frame, or the body's end, should be fetched.
    pub(crate) fn wants_frame(&self) -> bool {
        self.open && self.chunk.is_empty() && self.tail.is_empty() && self.buf.len() < FULL
    }

    /// Takes a frame; `last` says that the body ends with it.
    pub(crate) fn push(&mut self, frame: Frame<Bytes>, last: bool) -> Result<(), LengthFault> {
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

    fn push_data(&mut self, data: Bytes, last: bool) -> Result<(), LengthFault> {
        let size = data.len() as u64;
        match &mut self.mode {
            Mode::Length(owed) => *owed = owed.checked_sub(size).ok_or(LengthFault::Long)?,
            Mode::None if size > 0 => return Err(LengthFault::Long),
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

    /// Bytes of a plain length that may be moved past this buffer now.
    pub(crate) fn spliceable(&self) -> Option<u64> {
        match self.mode {
            Mode::Length(owed) if self.open && self.is_flushed() => Some(owed),
            _ => None,
        }
    }

    /// Counts `bytes` that are moved past this buffer.
    pub(crate) fn spliced(&mut self, bytes: u64) -> Result<(), LengthFault> {
        if let Mode::Length(owed) = &mut self.mode {
            *owed = owed.checked_sub(bytes).ok_or(LengthFault::Long)?;
        }
        self.body_bytes += bytes;
        self.written += bytes;
        Ok(())
    }

    /// Takes the body's end.
    pub(crate) fn finish(&mut self) -> Result<(), LengthFault> {
        match self.mode {
            Mode::Length(1..) => return Err(LengthFault::Short),
            Mode::Chunked if !self.open => {}
            Mode::Chunked if self.tail.is_empty() => self.buf().extend_from_slice(b"0\r\n\r\n"),
            Mode::Chunked => self.tail = b"\r\n0\r\n\r\n",
            _ => {}
        }
        self.open = false;
        Ok(())
    }

    /// Writes until nothing is left or the socket takes no more.
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
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};
    use std::task::Waker;

    /// Takes at most `most` bytes a write, and counts the writes.
    struct Sink {
        got: Vec<u8>,
        most: usize,
        writes: usize,
    }

    impl AsyncWrite for Sink {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            let count = buf.len().min(self.most);
            self.got.extend_from_slice(&buf[..count]);
            self.writes += 1;
            Poll::Ready(Ok(count))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let mut left = self.most;
            for buf in bufs {
                let count = buf.len().min(left);
                self.got.extend_from_slice(&buf[..count]);
                left -= count;
            }
            self.writes += 1;
            Poll::Ready(Ok(self.most - left))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn send(mode: Mode, frames: &[&[u8]], most: usize) -> (Result<(), LengthFault>, String, usize) {
        let mut out = Outgoing::new();
        let mut sink = Sink { got: Vec::new(), most, writes: 0 };
        let mut cx = Context::from_waker(Waker::noop());
        out.buf().extend_from_slice(b"head|");
        out.begin(mode, true);
        let mut result = Ok(());
        for (at, frame) in frames.iter().enumerate() {
            while !out.wants_frame() {
                assert!(out.poll_flush(&mut sink, &mut cx).is_ready());
            }
            result = out.push(Frame::data(Bytes::copy_from_slice(frame)), at + 1 == frames.len());
            if result.is_err() {
                break;
            }
        }
        assert!(out.poll_flush(&mut sink, &mut cx).is_ready());
        assert_eq!(out.is_done(), result.is_ok());
        (result, String::from_utf8(sink.got).unwrap(), sink.writes)
    }

    #[test]
    fn head_and_body_leave_in_one_write() {
        let large = vec![b'x'; 5000];
        let (result, text, writes) = send(Mode::Chunked, &[&large], usize::MAX);
        assert_eq!(result, Ok(()));
        assert_eq!(text, format!("head|1388\r\n{}\r\n0\r\n\r\n", "x".repeat(5000)));
        assert_eq!(writes, 1);
        let (_, text, writes) = send(Mode::Length(3), &[b"abc"], usize::MAX);
        assert_eq!((text.as_str(), writes), ("head|abc", 1));
        let (_, text, writes) = send(Mode::Chunked, &[b"abc", b"d"], usize::MAX);
        assert_eq!((text.as_str(), writes), ("head|3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", 1));
    }

    #[test]
    fn short_writes_lose_nothing() {
        let large = vec![b'x'; 5000];
        let whole = send(Mode::Chunked, &[b"ab", &large, b"", b"cd"], usize::MAX).1;
        for most in [1, 2, 3, 7, 4096] {
            assert_eq!(send(Mode::Chunked, &[b"ab", &large, b"", b"cd"], most).1, whole);
        }
    }

    #[test]
    fn the_length_is_kept_exactly() {
        assert_eq!(send(Mode::Length(4), &[b"ab", b"cd"], 9).0, Ok(()));
        assert_eq!(send(Mode::Length(4), &[b"ab", b"c"], 9).0, Err(LengthFault::Short));
        assert_eq!(send(Mode::Length(4), &[b"ab", b"cde"], 9).0, Err(LengthFault::Long));
        assert_eq!(send(Mode::None, &[b"a"], 9).0, Err(LengthFault::Long));
    }

    #[test]
    fn trailers_end_a_chunked_body_only() {
        let mut trailers = HeaderMap::new();
        trailers.insert("sum", HeaderValue::from_static("1"));
        trailers.insert("content-length", HeaderValue::from_static("1"));
        let mut out = Outgoing::new();
        out.begin(Mode::Chunked, true);
        out.push(Frame::trailers(trailers.clone()), true).unwrap();
        assert_eq!(out.finish(), Ok(()));
        assert_eq!(&out.buf()[..], b"0\r\nsum: 1\r\n\r\n");
        let mut out = Outgoing::new();
        out.begin(Mode::Length(0), true);
        out.push(Frame::trailers(trailers), true).unwrap();
        assert!(out.is_done());
    }
}
