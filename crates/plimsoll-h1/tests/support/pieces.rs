//! A transport that reads given bytes in given pieces and keeps what is written.

use plimsoll_h1::Transport;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How bytes are cut into reads and writes.
#[derive(Clone, Debug)]
pub struct Cuts {
    /// Positions at which a read ends, modulo the length of the input.
    reads: Vec<usize>,
    /// The most bytes of one write.
    write: usize,
}

impl Cuts {
    /// One read and one write, as far as the reader's buffer allows.
    pub fn none() -> Self {
        Self { reads: Vec::new(), write: usize::MAX }
    }

    /// A byte at a time.
    pub fn every(bytes: &[u8]) -> Self {
        Self { reads: (0..bytes.len()).collect(), write: 1 }
    }

    /// Reads that end at `reads`, and writes of at most `write` bytes.
    pub fn new(reads: Vec<usize>, write: usize) -> Self {
        Self { reads, write: write.max(1) }
    }

    /// Cuts that depend on the bytes alone, so that a fuzzer's input replays.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut next = || {
            hash ^= hash << 13;
            hash ^= hash >> 7;
            hash ^= hash << 17;
            hash as usize
        };
        let count = next() % 9;
        Self::new((0..count).map(|_| next()).collect(), next() % 64)
    }
}

/// The bytes that a transport has been given.
#[derive(Default, Debug)]
pub struct Wire {
    written: RefCell<Vec<u8>>,
    reset: Cell<bool>,
    reader: RefCell<Option<Waker>>,
}

impl Wire {
    /// Takes the bytes written so far.
    pub fn take(&self) -> Vec<u8> {
        self.written.take()
    }

    /// Returns whether the connection ends in a reset.
    pub fn is_reset(&self) -> bool {
        self.reset.get()
    }
}

/// The transport.
#[derive(Debug)]
pub struct Pieces {
    reads: VecDeque<Vec<u8>>,
    write: usize,
    /// Nothing is read before something was written, as a server does.
    responds: bool,
    wire: Rc<Wire>,
}

impl Pieces {
    /// A transport whose peer sends `bytes` and then ends its side.
    pub fn new(bytes: &[u8], cuts: &Cuts) -> (Self, Rc<Wire>) {
        let mut ends: Vec<usize> = cuts.reads.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        ends.extend([0, bytes.len()]);
        ends.sort_unstable();
        let pieces = ends.windows(2).map(|ends| bytes[ends[0]..ends[1]].to_vec());
        let reads = pieces.filter(|piece| !piece.is_empty()).collect();
        let wire = Rc::<Wire>::default();
        (Self { reads, write: cuts.write, responds: false, wire: Rc::clone(&wire) }, wire)
    }

    /// As [`new`](Self::new), but the peer sends nothing before it has got something.
    pub fn responding(bytes: &[u8], cuts: &Cuts) -> (Self, Rc<Wire>) {
        let (pieces, wire) = Self::new(bytes, cuts);
        (Self { responds: true, ..pieces }, wire)
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.responds && self.wire.written.borrow().is_empty() {
            self.wire.reader.replace(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        if let Some(mut piece) = self.reads.pop_front() {
            let rest = piece.split_off(piece.len().min(buf.remaining()));
            buf.put_slice(&piece);
            if !rest.is_empty() {
                self.reads.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let count = buf.len().min(self.write);
        self.wire.written.borrow_mut().extend_from_slice(&buf[..count]);
        if let Some(reader) = self.wire.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Transport for Pieces {
    fn reset_on_close(&self) -> io::Result<()> {
        self.wire.reset.set(true);
        Ok(())
    }
}
